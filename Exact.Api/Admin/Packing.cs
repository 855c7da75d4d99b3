namespace Exact.Api.Admin;

/// <summary>How a file may be packed, and what its sender is told where it is not whole.</summary>
internal static class Packing
{
    private const string SendAgain = "Nothing was changed; send the whole file again.";

    /// <summary>What undoes a coding of HTTP; <c>identity</c>, or any other, changes nothing.</summary>
    public static Stream Unpack(string? coding, Stream packed) =>
        coding switch
        {
            "gzip" => new GzipUnpacker(packed),
            "br" => new BrotliUnpacker(packed),
            _ => packed,
        };

    public static BadHttpRequestException CutOff(string coding, long bytes, Exception? cause = null) =>
        Refuse($"The file was cut off: its {coding} data has no end after {bytes} bytes. {SendAgain}", cause);

    public static BadHttpRequestException Damaged(string coding, long bytes, Exception? cause = null) =>
        Refuse(
            $"The file is damaged: its {coding} data cannot be unpacked, at or before byte {bytes}. {SendAgain}",
            cause
        );

    public static BadHttpRequestException OfAnotherKind(string coding, Exception? cause = null) =>
        Refuse(
            $"The file is not {coding}, or is damaged at its beginning. Nothing was changed; send it as its Content-Encoding says.",
            cause
        );

    public static BadHttpRequestException Followed(string coding) =>
        Refuse(
            $"Something follows the end of the {coding} data. Nothing was changed; send the file as it was packed, or unpacked.",
            cause: null
        );

    private static BadHttpRequestException Refuse(string message, Exception? cause) =>
        new(message, StatusCodes.Status400BadRequest, cause!);
}
