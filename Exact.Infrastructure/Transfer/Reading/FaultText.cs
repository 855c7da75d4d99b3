using System.Buffers;
using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// The words for what stands at a fault. They quote a plain name, or a bare word that is no part of a password, and
/// nothing else.
/// </summary>
internal static class FaultText
{
    public const string ObjectIsOpen = "A ']' stands where the object needs its '}'.";

    private static readonly SearchValues<byte> PlainLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_"u8);

    /// <summary>What stands at the beginning of <paramref name="text"/>, if it can be told and is never JSON.</summary>
    public static string? NameOf(ReadOnlySpan<byte> text) =>
        text switch
        {
            [(byte)'\'', ..] => "Strings must stand in double quotes (\"), not in single ones.",
            [0xE2, 0x80, >= 0x98 and <= 0x9F, ..] =>
                "Strings must stand in plain double quotes (\"), not in typographic ones.",
            [(byte)'/', (byte)'/' or (byte)'*', ..] or [(byte)'#', ..] => "JSON has no comments: remove this one.",
            [0xEF, 0xBB, 0xBF, ..] =>
                "A byte order mark stands within the file, as where files are joined: import them one after the other.",
            [< 0x20 or 0x7F, ..] => $"The control character U+{text[0]:X4} stands outside of a string: remove it.",
            _ => null,
        };

    /// <summary>What stands where a value should.</summary>
    /// <param name="rest">The text from there on.</param>
    /// <param name="name">The name that the value has; empty if it is not shown.</param>
    /// <param name="isSecret">A part of a password may stand there.</param>
    public static string NoValue(ReadOnlySpan<byte> rest, string name, bool isSecret)
    {
        var where = name.Length > 0 ? $" of \"{name}\"" : "";
        var length = 0;
        while (length < rest.Length && IsOfWord(rest[length]))
        {
            length++;
        }

        var word = isSecret || length > 20 ? "" : Encoding.ASCII.GetString(rest[..length]);
        word = word.All(char.IsAsciiLetter) ? word : "";
        return rest switch
        {
            [(byte)',' or (byte)'}' or (byte)']' or (byte)':', ..] => $"The value{where} is missing.",
            [(byte)'+', ..] => "A number must not begin with a '+': remove it.",
            [(byte)'.', ..] => "A number must begin with a digit: write 0.5, not .5.",
            _ when word is "True" or "TRUE" => $"{word} is written as true.",
            _ when word is "False" or "FALSE" => $"{word} is written as false.",
            _ when word is "None" or "undefined" or "Null" or "NULL" or "nil" => $"{word} is written as null.",
            _ when word is "nan" or "inf" or "NAN" or "INF" =>
                $"{word} is written as {(word[0] is 'n' or 'N' ? "NaN" : "Infinity")}.",
            _ when word.Length > 0 => $"{word} is not a value{where}: a string must stand in double quotes.",
            _ => $"The value{where} is not JSON: a string must stand in double quotes.",
        };
    }

    /// <summary>What stands where a name should.</summary>
    public static string NoName(byte here, bool isFirst) =>
        here switch
        {
            (byte)'}' => "The ',' before this '}' is one too many: remove it.",
            (byte)',' => "This ',' is one too many: remove it.",
            (byte)']' => ObjectIsOpen,
            _ when IsOfWord(here) => "A name must stand in double quotes.",
            _ => isFirst
                ? "After a '{', a name in double quotes must follow."
                : "After a ',', a name in double quotes must follow.",
        };

    /// <summary>A name as Django's fields have them; whatever else stands where a name should is not shown.</summary>
    public static string IfPlain(ReadOnlySpan<byte> name) =>
        name.Length > 40 || name.ContainsAnyExcept(PlainLetters) ? "" : Encoding.ASCII.GetString(name);

    /// <summary>Whether the value of this name may be a password.</summary>
    public static bool IsSecret(ReadOnlySpan<byte> name) =>
        name.Contains((byte)'\\')
        || Encoding.Latin1.GetString(name).Contains("password", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether it is a letter of a bare word.</summary>
    public static bool IsOfWord(byte letter) =>
        letter
            is (>= (byte)'a' and <= (byte)'z')
                or (>= (byte)'A' and <= (byte)'Z')
                or (byte)'_'
                or (byte)'$'
                or (>= (byte)'0' and <= (byte)'9');
}
