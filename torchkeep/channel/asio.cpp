// Asio and Beast compile their own sources here, once for the whole house. TLS is ours
// (internal/tls_transport.cpp), so asio/ssl is not among them.
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wshadow"
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
