namespace Exact.Api.Transfers.Unpacking;

/// <summary>How a file is said to be packed.</summary>
internal enum Packing
{
    /// <summary>Nothing is said. A gzip file is still recognised by its first bytes.</summary>
    None,
    Gzip,
    Brotli,
}
