namespace Exact.Api.Transfers.Unpacking;

/// <summary>A file cannot be unpacked. The message quotes nothing of the file and suits every door.</summary>
internal sealed class UnreadableFileException : IOException
{
    private UnreadableFileException(string message, Exception? cause)
        : base($"{message} Nothing was changed. Use a complete copy of the file.", cause) { }

    public static UnreadableFileException CutOff(string format, long bytes, Exception? cause = null) =>
        new($"The file was cut off: its {format} data has no end after {bytes} bytes.", cause);

    public static UnreadableFileException Damaged(string format, long bytes, Exception? cause = null) =>
        new($"The file is damaged: its {format} data cannot be unpacked at or before byte {bytes}.", cause);

    public static UnreadableFileException OfAnotherFormat(string format, Exception? cause = null) =>
        new($"The file is not the {format} data that it was declared to be, or its first bytes are damaged.", cause);

    public static UnreadableFileException Followed(string format) =>
        new($"The file is damaged: more bytes follow the end of its {format} data.", cause: null);
}

/// <summary>A file has more bytes than an import accepts.</summary>
internal sealed class FileTooLargeException(string message) : IOException($"{message} Nothing was changed.")
{
    public static FileTooLargeException Above(long maxBytes) =>
        new($"The fixture is larger than {maxBytes} bytes, the limit that Transfers:MaxBytes sets.");
}
