// An echo server with SocketAsyncEventArgs, of which a connection has one, used again for each operation: what .NET
// recommends where the cost of an operation matters. No context flows (the constructor is told so), and nothing is
// allocated for a message.
// usage: echo_dotnet_saea port workers [buffer_bytes]
//
// An operation that has completed at once raises no event; the loop that began it goes on.

using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Apm.Bench;

internal sealed class Connection : SocketAsyncEventArgs
{
    // The server was started for the test in which a callback blocks (see stuck.h).
    private static readonly bool blocksWhenAsked = Environment.GetEnvironmentVariable("ECHO_STUCK") == "1";

    private readonly Socket socket;
    private readonly byte[] buffer;

    public Connection(Socket socket, int bufferBytes) : base(true)
    {
        this.socket = socket;
        buffer = new byte[bufferBytes];
        SetBuffer(buffer, 0, bufferBytes);
    }

    public void Start()
    {
        if (!socket.ReceiveAsync(this))
            Run();
    }

    protected override void OnCompleted(SocketAsyncEventArgs arguments) => Run();

    // Goes on after an operation that has completed, until one is pending, or the connection has ended.
    private void Run()
    {
        try
        {
            while (true)
            {
                if (SocketError != SocketError.Success || BytesTransferred == 0)
                {
                    socket.Dispose();
                    Dispose();
                    return;
                }
                if (LastOperation == SocketAsyncOperation.Receive ? SendReceived() : Receive())
                    return;
            }
        }
        catch (ObjectDisposedException)
        {
        }
    }

    // A send completes when all has been sent.
    private bool SendReceived()
    {
        if (blocksWhenAsked && buffer.AsSpan(0, BytesTransferred).StartsWith("STUCK"u8))
            Thread.Sleep(1000);
        SetBuffer(0, BytesTransferred);
        return socket.SendAsync(this);
    }

    private bool Receive()
    {
        SetBuffer(0, buffer.Length);
        return socket.ReceiveAsync(this);
    }
}

internal static class SaeaEchoServer
{
    private const int Backlog = 4096;
    private const int DefaultBufferBytes = 4096;

    private static readonly Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private static int bufferBytes = DefaultBufferBytes;

    public static int Main(string[] arguments)
    {
        if (arguments.Length is < 2 or > 3 || !ushort.TryParse(arguments[0], out ushort port) ||
            !int.TryParse(arguments[1], out int workers) || workers < 1 ||
            (arguments.Length == 3 && (!int.TryParse(arguments[2], out bufferBytes) || bufferBytes < 1)))
        {
            Console.Error.WriteLine("usage: echo_dotnet_saea port workers [buffer_bytes]");
            return 2;
        }
        // The pool starts this many threads without its delay; it may still add others.
        ThreadPool.SetMinThreads(workers, workers);

        // Accepted sockets inherit the option from the listener.
        listener.NoDelay = true;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(Backlog);
        Console.WriteLine($"listening on 127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}");
        SocketAsyncEventArgs accept = new(true);
        accept.Completed += (_, finished) => Accept(finished, isDone: true);
        Accept(accept, isDone: false);
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    // Accepts until an accept is pending, whose event then goes on.
    private static void Accept(SocketAsyncEventArgs accept, bool isDone)
    {
        while (true)
        {
            if (isDone && accept.SocketError == SocketError.Success)
                new Connection(accept.AcceptSocket!, bufferBytes).Start();
            accept.AcceptSocket = null;
            if (listener.AcceptAsync(accept))
                return;
            isDone = true;
        }
    }
}
