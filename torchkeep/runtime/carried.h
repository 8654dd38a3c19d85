#pragma once

#include <functional>

#include "torchkeep/runtime/tensor.h"

/// State that a model carries from one run to the next: outputs that are inputs of the run that
/// follows, as keys and values of a language model are. They stay here and are handed to nobody.
namespace torchkeep::runtime {

/// Numbers of an output and of the input that it becomes.
struct Link {
  std::size_t output = 0;
  std::size_t input = 0;
};

/// Errors: InvalidArgument, naming the ports, if there is no link, a port is linked twice or is
/// none of the model's, or if types, ranks or fixed sides of the two differ.
Result<void> check_links(std::span<const Port> inputs, std::span<const Port> outputs,
                         std::span<const Link> links);

/// A state that holds nothing yet: sides that a caller chooses are 0, the first of them `batch`.
/// Errors: InvalidArgument if the port has no other side to choose, so that there would be elements
/// to make up.
Result<Tensor> make_empty_state(const Port& port, std::int64_t batch);

/// Copies the elements of `shape`, a corner of both tensors, which differ along `axis` at most.
void copy_corner(const Tensor& from, Tensor& to, std::size_t axis, const Shape& shape);

/// *Lives on one thread at a time.* Its memory is wiped when it goes.
class Carried {
 public:
  /// `links` as `check_links` takes them.
  Carried(std::span<const Port> inputs, std::span<const Port> outputs, std::vector<Link> links);

  const std::vector<Link>& links() const { return links_; }
  bool is_input(std::size_t input) const;
  bool is_output(std::size_t output) const;
  /// Before the first run, which takes all inputs from its caller.
  bool empty() const { return tensors_.empty() && roomy_.empty(); }
  /// Memory that the state takes.
  std::uint64_t bytes() const;
  /// What a run may let it grow to.
  std::uint64_t max_bytes = ~std::uint64_t{0};

  using Run = std::function<Result<std::vector<Tensor>>(std::span<const Tensor>)>;
  /// Runs once by `run`, with the state in the place of its inputs, and holds the state that comes
  /// out until the caller says which of the two is to stay; outputs that are state are empty
  /// tensors in the answer. After an error the state is what it was. Errors: InvalidArgument if an
  /// output does not fit the input that it becomes; Unavailable above `max_bytes`; as `run`.
  Result<std::vector<Tensor>> run(std::vector<Tensor> inputs, const Run& run);
  /// The state that the last run made stays.
  void accept();
  /// The state before the last run is back, unless that run was accepted.
  void take_back();

  /// State in memory with room behind it along `axis`, for runs that append to what is there.
  struct Roomy {
    Shape shape;  ///< Of what is there, in the corner of `memory`.
    std::size_t axis = 0;
    Tensor memory;  ///< Its shape is the room.
    Shape before;   ///< While a run waits for `accept`.
  };
  /// Of each link, or none: state is then in tensors that fit, as `run` keeps it. For `Growth`.
  std::vector<Roomy>& roomy() { return roomy_; }
  /// A run that appended is done; `shapes` are what is there now.
  void grow(std::vector<Shape> shapes, bool first);
  /// From now on state is in tensors that fit.
  Result<void> leave_rooms();
  /// Errors: InvalidArgument if state of these shapes would not fit the inputs.
  Result<void> check_shapes(std::span<const Shape> shapes) const;

  /// An output as the last run left it. Errors: Unavailable if memory is short.
  Result<Tensor> copy(std::size_t output) const;

 private:
  Result<void> check(std::span<const Tensor> outputs) const;

  std::vector<Link> links_;
  std::vector<Port> from_, to_;  // of each link
  std::vector<Tensor> tensors_;  // of each link; none before the first run
  std::vector<Tensor> before_;   // while a run waits for `accept`
  std::vector<Roomy> roomy_;
  bool open_ = false, first_ = false;
};

}  // namespace torchkeep::runtime
