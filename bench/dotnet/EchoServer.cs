// An echo server in .NET's classic Begin/End style: BeginReceive, its callback, EndReceive, BeginSend, and again.
// usage: echo_dotnet port workers [buffer_bytes]
//
// An operation that completes synchronously has run its callback already, inside Begin. Continuing there would nest
// one stack frame a message, so the callback only returns, and the loop that called Begin goes on: the pattern of the
// .NET guide.

using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Apm.Bench;

internal sealed class Connection
{
    private static readonly AsyncCallback receivedCallback = OnReceived;
    private static readonly AsyncCallback sentCallback = OnSent;

    // The server was started for the test in which a callback blocks (see stuck.h).
    private static readonly bool blocksWhenAsked = Environment.GetEnvironmentVariable("ECHO_STUCK") == "1";

    private readonly Socket socket;
    private readonly byte[] buffer;
    private int received;
    private int sent;

    public Connection(Socket socket, int bufferBytes)
    {
        this.socket = socket;
        buffer = new byte[bufferBytes];
    }

    // Receives and echoes until an operation is pending, whose callback then continues, or the connection has ended.
    public void Run()
    {
        try
        {
            while (true)
            {
                IAsyncResult receive =
                    socket.BeginReceive(buffer, 0, buffer.Length, SocketFlags.None, receivedCallback, this);
                if (!receive.CompletedSynchronously || !EndReceive(receive) || !Send())
                    return;
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            socket.Close();
        }
    }

    // Returns false at the end of the stream.
    private bool EndReceive(IAsyncResult receive)
    {
        received = socket.EndReceive(receive);
        sent = 0;
        if (received == 0)
        {
            socket.Close();
            return false;
        }
        if (blocksWhenAsked && buffer.AsSpan(0, received).StartsWith("STUCK"u8))
            Thread.Sleep(1000);
        return true;
    }

    // Returns false while a send is pending, whose callback then continues.
    private bool Send()
    {
        while (sent < received)
        {
            IAsyncResult send = socket.BeginSend(buffer, sent, received - sent, SocketFlags.None, sentCallback, this);
            if (!send.CompletedSynchronously)
                return false;
            sent += socket.EndSend(send);
        }
        return true;
    }

    private static void OnReceived(IAsyncResult receive)
    {
        if (receive.CompletedSynchronously)
            return;
        Connection connection = (Connection)receive.AsyncState!;
        try
        {
            if (!connection.EndReceive(receive) || !connection.Send())
                return;
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            connection.socket.Close();
            return;
        }
        connection.Run();
    }

    private static void OnSent(IAsyncResult send)
    {
        if (send.CompletedSynchronously)
            return;
        Connection connection = (Connection)send.AsyncState!;
        try
        {
            connection.sent += connection.socket.EndSend(send);
            if (!connection.Send())
                return;
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
            connection.socket.Close();
            return;
        }
        connection.Run();
    }
}

internal static class EchoServer
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
            Console.Error.WriteLine("usage: echo_dotnet port workers [buffer_bytes]");
            return 2;
        }
        // The pool starts this many threads without its delay; it may still add others.
        ThreadPool.SetMinThreads(workers, workers);

        // Accepted sockets inherit the option from the listener.
        listener.NoDelay = true;
        listener.Bind(new IPEndPoint(IPAddress.Loopback, port));
        listener.Listen(Backlog);
        Console.WriteLine($"listening on 127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}");
        Accept();
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }

    // Accepts until an accept is pending, whose callback then continues.
    private static void Accept()
    {
        while (true)
        {
            IAsyncResult accept = listener.BeginAccept(OnAccepted, null);
            if (!accept.CompletedSynchronously)
                return;
            Start(accept);
        }
    }

    private static void OnAccepted(IAsyncResult accept)
    {
        if (accept.CompletedSynchronously)
            return;
        Start(accept);
        Accept();
    }

    private static void Start(IAsyncResult accept) => new Connection(listener.EndAccept(accept), bufferBytes).Run();
}
