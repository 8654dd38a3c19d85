#include <unistd.h>

#include "torchkeep/client/inference_client.h"
#include "torchkeep/client/owner.h"
#include "torchkeep/desk/findings.h"

#include "python/core/arrays.h"
#include "python/core/parts.h"
#include "python/core/trust.h"

namespace torchkeep::python {
namespace {

py::list describe(const std::vector<client::ModelPort>& ports) {
  py::list out;
  for (const auto& port : ports) out.append(py::make_tuple(port.name, port.datatype, port.shape));
  return out;
}

json::Json describe(const channel::AttestedPeer& peer) {
  return {{"role", tee::name_of(peer.role)},
          {"context", encode_hex(peer.context)},
          {"until", format_rfc3339(std::chrono::floor<std::chrono::seconds>(peer.until))},
          {"simulation", tee::built_for_simulation()},
          {"claims", desk::encode(*peer.claims)}};
}

/// One attested session with a worker. One call at a time: the Python side sees to that.
class Session {
 public:
  Session(const std::string& endpoint, const std::string& owner, const std::string& policy,
          const Trust& trust, bool as_owner)
      : process_(getpid()) {
    const auto where = value_or_raise(channel::parse_endpoint(endpoint).context("worker"));
    client::WorkerExpectation expected{value_or_raise(keys::parse_owner_key(owner)),
                                       value_or_raise(parse_policy_text(policy))};
    desk_ = std::make_unique<desk::Desk>(value_or_raise(verifier_of(trust)), go_on());
    if (as_owner) owner_.emplace(value_or_raise(client::load_owner(trust.folder)));
    auto self = owner_ ? desk_->owner_party(owner_->key()) : desk_->client_party();
    client_ = without_gil([&] {
      return desk_->wait(client::InferenceClient::connect(where, self, std::move(expected)));
    });
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    // In a forked child the sockets and the event queue are the parent's: closing would end its
    // session.
    if (process_ == getpid()) return;
    static_cast<void>(client_.release());
    static_cast<void>(desk_.release());
  }

  py::object peer() const { return to_python(describe(client_->peer())); }
  bool usable() const {
    return process_ == getpid() && desk_->clock().now() < client_->peer().until;
  }

  py::tuple describe_model(const std::string& model, std::uint64_t version) {
    check_process();
    const auto told = without_gil([&] { return desk_->wait(client_->describe(model, version)); });
    return py::make_tuple(told.versions, describe(told.inputs), describe(told.outputs));
  }

  py::list infer(const std::string& model, std::uint64_t version,
                 const std::vector<std::pair<std::string, py::array>>& inputs,
                 const std::string& operator_name, const std::vector<std::string>& wanted) {
    return std::move(ask(model, version, inputs, {operator_name, wanted, std::nullopt}).second);
  }

  py::tuple step(const std::string& model, std::uint64_t version,
                 const std::vector<std::pair<std::string, py::array>>& inputs,
                 const std::vector<std::string>& wanted, const std::string& id,
                 const std::vector<std::pair<std::string, std::string>>& state, bool end) {
    auto [sequence_id, outputs] =
        ask(model, version, inputs, {"", wanted, client::SequenceCall{id, state, end}});
    return py::make_tuple(sequence_id, outputs);
  }

 private:
  std::pair<std::string, py::list> ask(const std::string& model, std::uint64_t version,
                                       const std::vector<std::pair<std::string, py::array>>& inputs,
                                       client::Callee callee) {
    check_process();
    std::vector<client::Tensor> tensors;
    for (const auto& [name, array] : inputs) {
      Elements elements =
          value_or_raise(copy_elements(array).context(text("input \"", name, "\"")));
      tensors.push_back({name,
                         std::move(elements.datatype),
                         {elements.shape.begin(), elements.shape.end()},
                         std::move(elements.data)});
    }
    auto answer = without_gil([&] {
      return desk_->wait(client_->infer(model, version, std::move(tensors), std::move(callee)));
    });
    py::list out;
    for (client::Tensor& tensor : answer.outputs) {
      Elements elements{std::move(tensor.datatype),
                        {tensor.shape.begin(), tensor.shape.end()},
                        std::move(tensor.data)};
      out.append(py::make_tuple(tensor.name, value_or_raise(make_array(std::move(elements)))));
    }
    return {std::move(answer.sequence_id), std::move(out)};
  }

  void check_process() const {
    if (process_ == getpid()) return;
    raise(invalid_argument("this session was opened before a fork; make a client in the child"));
  }

  pid_t process_;
  std::optional<client::Owner> owner_;
  std::unique_ptr<desk::Desk> desk_;
  std::unique_ptr<client::InferenceClient> client_;
};

py::object attest(const std::string& endpoint, const std::string& role_name, const Trust& trust,
                  const std::optional<std::string>& policy_text) {
  const auto where = value_or_raise(channel::parse_endpoint(endpoint));
  const tee::Role role = value_or_raise(tee::parse_role(role_name));
  const auto holder = value_or_raise(desk::parse_holder_role(role_name));
  std::optional<keys::Policy> policy;
  if (policy_text) policy = value_or_raise(parse_policy_text(*policy_text));
  desk::Desk desk(value_or_raise(verifier_of(trust)), go_on());
  const auto peer = without_gil([&] { return desk::look_at(desk, where, role); });
  json::Json told = describe(peer);
  if (policy) {
    told["policy"] =
        desk::encode(desk::check_policy(*policy, holder, *peer.claims, desk.clock().now()));
  }
  return to_python(told);
}

}  // namespace

void add_session(py::module_& module) {
  using py::arg;
  py::class_<Session>(module, "Session")
      .def(py::init<const std::string&, const std::string&, const std::string&, const Trust&,
                    bool>(),
           arg("endpoint"), arg("owner"), arg("policy"), arg("trust"), arg("as_owner"))
      .def_property_readonly("peer", &Session::peer)
      .def_property_readonly("usable", &Session::usable)
      .def("describe", &Session::describe_model, arg("model"), arg("version"))
      .def("infer", &Session::infer, arg("model"), arg("version"), arg("inputs"),
           arg("operator_name") = "", arg("outputs") = std::vector<std::string>())
      .def("step", &Session::step, arg("model"), arg("version"), arg("inputs"), arg("outputs"),
           arg("id"), arg("state"), arg("end"));
  module.def("attest", &attest, arg("endpoint"), arg("role"), arg("trust"), arg("policy"));
}

}  // namespace torchkeep::python
