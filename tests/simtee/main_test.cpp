#include <array>
#include <cerrno>
#include <iostream>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/simtee/commands/commands.h"
#include "torchkeep/tee/platform.h"
#include "torchkeep/tee/simulated/simulated_platform.h"

#include "tests/simtee/program.h"

namespace torchkeep::simtee {
namespace {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(descriptor, text.data(), text.size());
    TORCHKEEP_CHECK(wrote > 0);
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

Result<Bytes> answer(const std::string& socket, const std::string& question) {
  const auto platform = TRY(tee::open_simulated_platform(socket));
  constexpr std::string_view kKey = "key ";
  if (question.starts_with(kKey)) {
    const SecretBytes key = TRY(platform->sealing_key(question.substr(kKey.size())));
    return to_bytes(key.expose());
  }
  if (question == "quote") {
    return platform->make_evidence(tee::ReportData::for_certificate(as_bytes("claims")));
  }
  return Bytes();
}

}  // namespace

Path own_executable() { return std::filesystem::read_symlink("/proc/self/exe"); }

Child::Child(const Path& executable, std::vector<std::string> arguments, Reads reads) {
  int to[2], from[2];
  TORCHKEEP_CHECK(::pipe2(to, O_CLOEXEC) == 0 && ::pipe2(from, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, from[1],
                                   reads == Reads::Output ? STDOUT_FILENO : STDERR_FILENO);
  std::string name = executable.string();
  std::vector<char*> words{name.data()};
  for (std::string& word : arguments) words.push_back(word.data());
  words.push_back(nullptr);
  const int failed = ::posix_spawn(&id_, name.c_str(), &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(to[0]);
  ::close(from[1]);
  to_child_ = to[1];
  from_child_ = from[0];
  TORCHKEEP_CHECK(failed == 0);
}

Child::~Child() {
  if (id_ > 0) end(SIGKILL);
  ::close(to_child_);
  ::close(from_child_);
}

void Child::send_line(const std::string& line) const { write_all(to_child_, line + "\n"); }

std::optional<std::string> Child::receive_line() {
  for (;;) {
    const std::size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    std::array<char, 4096> piece;
    const ssize_t got = ::read(from_child_, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    unread_.append(piece.data(), static_cast<std::size_t>(got));
  }
}

int Child::end(int signal) {
  ::kill(id_, signal);
  return wait();
}

int Child::wait() {
  int status = 0;
  TORCHKEEP_CHECK(::waitpid(id_, &status, 0) == id_);
  id_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Answer ask(Child& program, const std::string& question) {
  program.send_line(question);
  const std::string line = program.receive_line().value_or("gone the program ended");
  const std::size_t space = line.find(' ');
  return {line.substr(0, space), line.substr(space + 1)};
}

int play_program(const std::string& socket) {
  for (std::string question; std::getline(std::cin, question);) {
    const Result<Bytes> answered = answer(socket, question);
    if (answered) {
      std::cout << "ok " << encode_hex(*answered) << std::endl;
    } else {
      std::cout << name_of(answered.error().code) << " " << answered.error().message << std::endl;
    }
  }
  return 0;
}

}  // namespace torchkeep::simtee

int main(int argc, char** argv) {
  using namespace torchkeep::simtee;
  const std::string part = argc > 1 ? argv[1] : "";
  if (part == kPlayProgram && argc == 3) return play_program(argv[2]);
  if (part == kPlaySimtee) return run(argc - 1, argv + 1);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
