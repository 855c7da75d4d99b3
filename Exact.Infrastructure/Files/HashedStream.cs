using System.Security.Cryptography;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Infrastructure.Files;

/// <summary>Counts and hashes what is read, and stops at a limit.</summary>
internal sealed class HashedStream(Stream content, long maxBytes) : ForwardStream
{
    private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>The SHA-256 of what has been read, as 64 hexadecimal digits.</summary>
    public string Sha256 => Convert.ToHexStringLower(hash.GetCurrentHash());

    /// <inheritdoc/>
    /// <exception cref="StoredFileTooLargeException">The file is larger than it may be.</exception>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await content.ReadAsync(buffer, cancellationToken);
        hash.AppendData(buffer.Span[..read]);
        Count += read;
        return Count <= maxBytes ? read : throw new StoredFileTooLargeException(maxBytes);
    }

    protected override void Dispose(bool disposing)
    {
        hash.Dispose();
        base.Dispose(disposing);
    }
}
