/*
 * An echo server on Boost.Asio: async_read_some, async_write, and again. One io_context is run by all workers; as each
 * connection has one operation at a time, no strand is needed.
 */
#include "echo_server.h"

#include <boost/asio.hpp>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

class connection : public std::enable_shared_from_this<connection> {
  public:
    connection(tcp::socket socket, std::size_t buffer_bytes) : socket_(std::move(socket)), buffer_(buffer_bytes)
    {
    }

    void receive()
    {
        socket_.async_read_some(asio::buffer(buffer_),
                                [self = shared_from_this()](error_code error, std::size_t received) {
                                    if (!error)
                                        self->send(received);
                                });
    }

  private:
    void send(std::size_t size)
    {
        asio::async_write(socket_, asio::buffer(buffer_.data(), size),
                          [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error)
                                  self->receive();
                          });
    }

    tcp::socket socket_;
    std::vector<char> buffer_;
};

class listener {
  public:
    listener(asio::io_context &context, int descriptor, std::size_t buffer_bytes)
        : acceptor_(context, tcp::v4(), descriptor), buffer_bytes_(buffer_bytes)
    {
    }

    void accept()
    {
        acceptor_.async_accept([this](error_code error, tcp::socket socket) {
            if (!error)
                std::make_shared<connection>(std::move(socket), buffer_bytes_)->receive();
            accept();
        });
    }

  private:
    tcp::acceptor acceptor_;
    std::size_t buffer_bytes_;
};

} // namespace

int main(int argument_count, char **arguments)
{
    echo_server server = echo_server_start(argument_count, arguments);
    asio::io_context context(server.workers);
    listener listener(context, echo_server_listen(&server), server.buffer_bytes);
    listener.accept();
    echo_server_announce(&server);

    std::vector<std::thread> others;
    for (int i = 1; i < server.workers; i++)
        others.emplace_back([&context] { context.run(); });
    context.run();
}
