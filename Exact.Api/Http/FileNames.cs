using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.Http;

/// <summary>The name of an uploaded file, which only a download shows. It is never part of a path.</summary>
internal static class FileNames
{
    private const int MaxLength = 255;

    /// <summary>The name that the client gives the file; empty if there is none.</summary>
    public static string Of(MultipartSection section)
    {
        var header = section.GetContentDispositionHeader();
        return Clean(
            header?.FileNameStar is { Length: > 0 } encoded
                ? encoded.ToString()
                : HeaderUtilities.UnescapeAsQuotedString(header?.FileName ?? default).ToString()
        );
    }

    /// <summary>The last segment of a path, without the characters that a header or a terminal would act on.</summary>
    public static string Clean(string name)
    {
        var decoded =
            name // browsers and curl encode these three and nothing else
            .Replace("%22", "\"", StringComparison.Ordinal)
                .Replace("%0D", "\r", StringComparison.OrdinalIgnoreCase)
                .Replace("%0A", "\n", StringComparison.OrdinalIgnoreCase);
        var last = decoded[(decoded.LastIndexOfAny(['/', '\\']) + 1)..];
        var clean = Printable(last).Trim();
        if (clean is "." or "..")
        {
            return "file";
        }

        var extension = Path.GetExtension(clean);
        return clean.Length <= MaxLength ? clean
            : extension.Length > MaxLength / 2 ? Cut(clean, MaxLength)
            : Cut(clean, MaxLength - extension.Length) + extension;
    }

    /// <summary>The name without controls. Those of the direction of text would show <c>exe.jpg</c> for a program.</summary>
    public static string Printable(string name) =>
        string.Concat(name.EnumerateRunes().Where(rune => !Rune.IsControl(rune) && !TurnsText(rune.Value)));

    /// <summary>Unicode's property Bidi_Control.</summary>
    private static bool TurnsText(int rune) =>
        rune is 0x061C or 0x200E or 0x200F or (>= 0x202A and <= 0x202E) or (>= 0x2066 and <= 0x2069);

    private static string Cut(string text, int length) =>
        char.IsHighSurrogate(text[length - 1]) ? text[..(length - 1)] : text[..length];
}
