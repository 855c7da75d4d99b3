using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Exact.Api.Admin;

/// <summary>
/// Buffers of 64 KiB for the server's connections: with those of 4 KiB that it has by default, a large upload takes a call of the system for
/// each of its 4 KiB, and these cost as much as reading what is in them. An idle connection has none.
/// </summary>
internal sealed class ConnectionBuffers : IMemoryPoolFactory<byte>
{
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

    private sealed class Pool : MemoryPool<byte>
    {
        private const int Size = 64 * 1024;

        public override int MaxBufferSize => Shared.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => Shared.Rent(Math.Max(minBufferSize, Size));

        protected override void Dispose(bool disposing)
        {
            // the arrays are those of the process
        }
    }
}
