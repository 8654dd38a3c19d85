#include "torchkeep/base/command_line.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <CLI/CLI.hpp>

#include "torchkeep/base/file.h"
#include "torchkeep/base/text.h"

namespace torchkeep {

CommandOption CommandOption::required() const {
  option_->required();
  return *this;
}

CommandOption CommandOption::type_name(const std::string& name) const {
  option_->type_name(name);
  return *this;
}

CommandOption CommandOption::show_default() const {
  option_->capture_default_str();
  return *this;
}

CommandOption CommandOption::from_environment(const std::string& variable) const {
  option_->envname(variable);
  return *this;
}

CommandOption CommandOption::within(long lowest, long highest) const {
  option_->check(CLI::Range(lowest, highest));
  return *this;
}

CommandOption CommandOption::one_of(std::initializer_list<std::string> words) const {
  option_->check(CLI::IsMember(std::vector<std::string>(words)));
  return *this;
}

CommandOption CommandOption::needs(CommandOption other) const {
  option_->needs(other.option_);
  return *this;
}

CommandOption CommandOption::excludes(CommandOption other) const {
  option_->excludes(other.option_);
  return *this;
}

template <typename Target>
CommandOption Command::add_option(const std::string& names, Target& target,
                                  const std::string& help) const {
  return CommandOption(app_->add_option(names, target, help));
}

template CommandOption Command::add_option(const std::string&, std::string&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, Path&, const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::optional<std::string>&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::vector<std::string>&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::vector<Path>&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, int&, const std::string&) const;
template CommandOption Command::add_option(const std::string&, double&, const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::int64_t&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::uint16_t&,
                                           const std::string&) const;
template CommandOption Command::add_option(const std::string&, std::uint64_t&,
                                           const std::string&) const;

CommandOption Command::add_flag(const std::string& names, bool& target,
                                const std::string& help) const {
  return CommandOption(app_->add_flag(names, target, help));
}

Command Command::add_command(const std::string& name, const std::string& help) const {
  return Command(app_->add_subcommand(name, help));
}

// CLI11's own check comes first and would not name a misspelt command.
void Command::require_command() const {
  app_->require_subcommand(0, 1);
  app_->callback([app = app_] {
    if (!app->get_subcommands().empty()) return;
    std::string names;
    for (const CLI::App* command : app->get_subcommands([](const CLI::App*) { return true; })) {
      names += (names.empty() ? "" : ", ") + command->get_name();
    }
    throw CLI::RequiredError("a command is wanted: " + names, CLI::ExitCodes::RequiredError);
  });
}

void Command::footer(const std::string& text) const { app_->footer(text); }
void Command::callback(std::function<void()> call) const { app_->callback(std::move(call)); }

CommandLine::CommandLine(const std::string& help, const std::string& program)
    : Command(nullptr), program_(program), owned_(std::make_unique<CLI::App>(help, program)) {
  app_ = owned_.get();
}

CommandLine::~CommandLine() = default;

void CommandLine::version(const std::string& line) { app_->set_version_flag("--version", line); }
void CommandLine::allow_options_anywhere() { app_->fallthrough(); }

void CommandLine::take_config_file() {
  app_->set_config("--config", "",
                   "A file with any of these options, a line each: listen = \"...\"")
      ->type_name("FILE");
  // What stands in the file and is no option of the program is an error, not a guess.
  app_->allow_config_extras(CLI::config_extras_mode::error);
}

template <typename Parse>
Result<bool> CommandLine::parsed(const Parse& parse) {
  try {
    parse();
    return true;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) {
      return invalid_argument(error.what(), "; see ", program_, " --help");
    }
    app_->exit(error);  // prints what was asked for
    return false;
  }
}

Result<bool> CommandLine::parse(int argc, const char* const* argv) {
  return parsed([&] { app_->parse(argc, argv); });
}

Result<bool> CommandLine::parse(std::vector<std::string> arguments) {
  std::ranges::reverse(arguments);  // CLI11 takes them from behind
  return parsed([&] { app_->parse(std::move(arguments)); });
}

}  // namespace torchkeep
