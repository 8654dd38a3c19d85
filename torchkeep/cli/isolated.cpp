#include "torchkeep/cli/isolated.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <exception>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace torchkeep::cli {
namespace {

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // the parent sees an end without a status of 0
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::string read_all(int descriptor) {
  std::string out;
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t taken = read(descriptor, buffer.data(), buffer.size());
    if (taken < 0 && errno == EINTR) continue;
    if (taken <= 0) return out;
    out.append(buffer.data(), static_cast<std::size_t>(taken));
  }
}

[[noreturn]] void run_child(int descriptor, const std::function<std::string()>& work,
                            std::chrono::seconds limit) {
  alarm(static_cast<unsigned>(limit.count()));
  int status = 1;
  try {
    write_all(descriptor, work());
    status = 0;
  } catch (const std::exception& error) {
    write_all(descriptor, text("an exception left the engine: ", error.what()));
  }
  _exit(status);  // what the parent is to do at its end is not the child's to do
}

}  // namespace

Result<std::string> run_isolated(const std::function<std::string()>& work,
                                 std::chrono::seconds limit) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return unavailable("no pipe to a child: ", std::strerror(errno));
  const pid_t child = fork();
  if (child < 0) {
    const int failure = errno;
    close(ends[0]);
    close(ends[1]);
    return unavailable("no child process: ", std::strerror(failure));
  }
  if (child == 0) {
    close(ends[0]);
    run_child(ends[1], work, limit);
  }
  close(ends[1]);
  std::string answer = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
    return internal_error("not done after ", limit.count(), " seconds");
  }
  if (WIFSIGNALED(status)) return internal_error("crashed: ", strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0)
    return internal_error(answer.empty() ? std::string("ended without an answer") : answer);
  return answer;
}

}  // namespace torchkeep::cli
