#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "torchkeep/base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

/// Command lines: what a program and its commands take. CLI11 does the work; it is a header of
/// 9,000 lines that each user would compile anew, so it stays behind this door.
namespace torchkeep {

/// One option, flag or positional argument of a command. A handle: copies are the same option.
class CommandOption {
 public:
  explicit CommandOption(CLI::Option* option) : option_(option) {}

  CommandOption required() const;
  CommandOption type_name(const std::string& name) const;  ///< What --help calls its value: "FILE".
  CommandOption show_default() const;  ///< --help shows the value that its target has now.
  CommandOption from_environment(const std::string& variable) const;  ///< If it is not given.
  CommandOption within(long lowest, long highest) const;  ///< A whole number, both ends included.
  CommandOption one_of(std::initializer_list<std::string> words) const;
  CommandOption needs(CommandOption other) const;
  CommandOption excludes(CommandOption other) const;

 private:
  CLI::Option* option_;
};

/// A program's or a command's options. A handle: copies are the same command.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  /// `names`: "-o,--output" for an option, "MODEL" for a positional argument. `target` outlives the
  /// parsing and keeps its value if the option is not given. Targets: std::string (also
  /// std::optional), Path, their vectors (all that is given), int, double and whole numbers of 16
  /// and 64 bits.
  template <typename Target>
  CommandOption add_option(const std::string& names, Target& target, const std::string& help) const;
  CommandOption add_flag(const std::string& names, bool& target, const std::string& help) const;

  Command add_command(const std::string& name, const std::string& help) const;
  void require_command() const;                ///< One of its commands must be named.
  void footer(const std::string& text) const;  ///< Ends --help: the example.
  /// Called when the user has named this command.
  void callback(std::function<void()> call) const;

 protected:
  CLI::App* app_;
};

/// When the user has called `command`, `invocation.run` is `body(invocation, *options)`.
template <typename Invocation, typename Options, typename Body>
void run_when_called(Command command, Invocation& invocation, std::shared_ptr<Options> options,
                     Body body) {
  command.callback([&invocation, options, body] {
    invocation.run = [&invocation, options, body] { return body(invocation, *options); };
  });
}

/// A program's command line; its commands' handles live as long as it.
class CommandLine : public Command {
 public:
  CommandLine(const std::string& help, const std::string& program);
  ~CommandLine();

  const std::string& program() const { return program_; }
  void version(const std::string& line);  ///< --version prints it.
  void allow_options_anywhere();  ///< The program's own options also behind a command's name.
  /// --config FILE: any of the options, a line each; what is no option is an error.
  void take_config_file();

  /// Fills the targets and calls callbacks. False: --help or --version was asked for and is
  /// answered on standard output. Errors: InvalidArgument, naming the argument and what would show
  /// the right ones.
  Result<bool> parse(int argc, const char* const* argv);
  Result<bool> parse(std::vector<std::string> arguments);  ///< Without the program's name.

 private:
  template <typename Parse>
  Result<bool> parsed(const Parse& parse);

  std::string program_;
  std::unique_ptr<CLI::App> owned_;
};

}  // namespace torchkeep
