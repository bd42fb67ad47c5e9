// An echo server for datagrams in .NET's classic Begin/End style: BeginReceiveFrom, its callback, EndReceiveFrom,
// BeginSendTo, and again, with several chains on one socket.
// usage: udp_dotnet port workers [buffer_bytes]
//
// An operation that completes synchronously has run its callback already, inside Begin. Continuing there would nest
// one stack frame a datagram, so the callback only returns, and the loop that called Begin goes on.

using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace Apm.Bench;

internal sealed class Chain
{
    private static readonly AsyncCallback receivedCallback = OnReceived;
    private static readonly AsyncCallback sentCallback = OnSent;

    private readonly Socket socket;
    private readonly byte[] buffer;
    private EndPoint peer = new IPEndPoint(IPAddress.Any, 0);

    public Chain(Socket socket, int bufferBytes)
    {
        this.socket = socket;
        buffer = new byte[bufferBytes];
    }

    // Receives and echoes until an operation is pending, whose callback then continues.
    public void Run()
    {
        while (true)
        {
            IAsyncResult receive = socket.BeginReceiveFrom(buffer, 0, buffer.Length, SocketFlags.None, ref peer,
                                                           receivedCallback, this);
            if (!receive.CompletedSynchronously || !Echo(receive))
                return;
        }
    }

    // Returns false while the send is pending, whose callback then continues.
    private bool Echo(IAsyncResult receive)
    {
        int received = socket.EndReceiveFrom(receive, ref peer);
        IAsyncResult send = socket.BeginSendTo(buffer, 0, received, SocketFlags.None, peer, sentCallback, this);
        if (!send.CompletedSynchronously)
            return false;
        socket.EndSendTo(send);
        return true;
    }

    private static void OnReceived(IAsyncResult receive)
    {
        if (receive.CompletedSynchronously)
            return;
        Chain chain = (Chain)receive.AsyncState!;
        if (chain.Echo(receive))
            chain.Run();
    }

    private static void OnSent(IAsyncResult send)
    {
        if (send.CompletedSynchronously)
            return;
        Chain chain = (Chain)send.AsyncState!;
        chain.socket.EndSendTo(send);
        chain.Run();
    }
}

internal static class UdpEchoServer
{
    private const int Chains = 32;
    private const int DefaultBufferBytes = 4096;

    public static int Main(string[] arguments)
    {
        int bufferBytes = DefaultBufferBytes;
        if (arguments.Length is < 2 or > 3 || !ushort.TryParse(arguments[0], out ushort port) ||
            !int.TryParse(arguments[1], out int workers) || workers < 1 ||
            (arguments.Length == 3 && (!int.TryParse(arguments[2], out bufferBytes) || bufferBytes < 1)))
        {
            Console.Error.WriteLine("usage: udp_dotnet port workers [buffer_bytes]");
            return 2;
        }
        ThreadPool.SetMinThreads(workers, workers);
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
        Console.WriteLine($"listening on 127.0.0.1:{((IPEndPoint)socket.LocalEndPoint!).Port}");
        for (int i = 0; i < Chains; i++)
            new Chain(socket, bufferBytes).Run();
        Thread.Sleep(Timeout.Infinite);
        return 0;
    }
}
