using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Exact.Api.Transfers;

/// <summary>Gives each busy connection 64 KiB buffers, so that a large upload needs fewer system calls.</summary>
/// <remarks>With the default of 4 KiB, the system calls of an upload cost as much as reading its contents.</remarks>
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
            // the arrays belong to the process
        }
    }
}
