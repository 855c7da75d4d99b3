using System.Buffers;
using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// Says in our own words why a record is not JSON: the parser's words would quote the file, where a password may stand. It quotes a name that
/// is plain, and a bare word that is no part of a password, and nothing else.
/// </summary>
internal ref struct SyntaxFault
{
    private const string Comma =
        "Two values have no ',' between them, or a '\"' within the string before is not written as \\\".";

    private const string ObjectIsOpen = "A ']' stands where the object needs its '}'.";

    private static readonly SearchValues<byte> Hexadecimal = SearchValues.Create("0123456789abcdefABCDEF"u8);
    private static readonly SearchValues<byte> PlainLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz_"u8);

    private readonly ReadOnlySpan<byte> text;
    private readonly int maxDepth;
    private int at;
    private string? detail;

    private SyntaxFault(ReadOnlySpan<byte> text, int maxDepth)
    {
        this.text = text;
        this.maxDepth = maxDepth;
    }

    private readonly byte Here => at < text.Length ? text[at] : default;

    /// <summary>The first fault of the record that <paramref name="text"/> begins with; null when there is none in it.</summary>
    public static (int At, string Detail)? Find(ReadOnlySpan<byte> text, int maxDepth)
    {
        var fault = new SyntaxFault(text, maxDepth);
        return fault.PassValue(0, name: "", isSecret: false) || fault.detail is null ? null : (fault.at, fault.detail);
    }

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
            [>= 0x80, ..] when Rune.DecodeFromUtf8(text, out _, out _) is OperationStatus.InvalidData =>
                "This byte is not UTF-8. Save the file as UTF-8.",
            _ => null,
        };

    private bool PassValue(int depth, string name, bool isSecret)
    {
        if (!PassBlanks())
        {
            return false;
        }

        switch (Here)
        {
            case (byte)'{' or (byte)'[' when depth == maxDepth:
                return Refuse($"Lists and objects are nested more than {maxDepth} deep.");
            case (byte)'{':
                return PassObject(depth + 1, isSecret);
            case (byte)'[':
                return PassList(depth + 1, isSecret);
            case (byte)'"':
                return PassText();
            case (byte)'-' or (>= (byte)'0' and <= (byte)'9'):
                return PassWord("-Infinity"u8) || (detail is null && PassNumber());
            default:
                return PassWord("true"u8)
                    || PassWord("false"u8)
                    || PassWord("null"u8)
                    || PassWord("NaN"u8)
                    || PassWord("Infinity"u8)
                    || Refuse(NameOf(text[at..]) ?? WhatIsNoValue(name, isSecret));
        }
    }

    private bool PassObject(int depth, bool isSecret)
    {
        at++;
        for (var isFirst = true; PassBlanks(); isFirst = false)
        {
            if (Here == '}' && isFirst)
            {
                at++;
                return true;
            }

            if (Here != '"')
            {
                return Refuse(NameOf(text[at..]) ?? WhatIsNoName(isFirst));
            }

            var from = at + 1;
            if (!PassText())
            {
                return false;
            }

            var name = text[from..(at - 1)];
            if (!PassBlanks())
            {
                return false;
            }

            if (Here != ':')
            {
                return Refuse(NameOf(text[at..]) ?? "A name must be followed by a ':' and its value.");
            }

            at++;
            if (!PassValue(depth, IfPlain(name), isSecret || IsSecret(name)) || !PassBlanks())
            {
                return false;
            }

            if (Here == '}')
            {
                at++;
                return true;
            }

            if (Here != ',')
            {
                return Refuse(NameOf(text[at..]) ?? (Here == ']' ? ObjectIsOpen : Comma));
            }

            at++;
        }

        return false;
    }

    private bool PassList(int depth, bool isSecret)
    {
        at++;
        if (!PassBlanks())
        {
            return false;
        }

        while (Here != ']' && PassValue(depth, name: "", isSecret) && PassBlanks())
        {
            if (Here == ']')
            {
                break;
            }

            if (Here != ',')
            {
                return Refuse(
                    NameOf(text[at..]) ?? (Here == '}' ? "A '}' stands where the list needs its ']'." : Comma)
                );
            }

            at++;
            if (PassBlanks() && Here == ']')
            {
                return Refuse("The ',' before this ']' is one too many: remove it.");
            }
        }

        if (detail is not null || Here != ']')
        {
            return false;
        }

        at++;
        return true;
    }

    private bool PassText()
    {
        for (at++; at < text.Length; at++)
        {
            switch (Here)
            {
                case (byte)'"':
                    at++;
                    return true;
                case (byte)'\n' or (byte)'\r':
                    return Refuse(
                        "The text does not end on its line: close it with '\"', or write the line break as \\n."
                    );
                case < 0x20:
                    return Refuse(
                        $"The control character U+{Here:X4} within a string must be written as \\u{Here:X4}."
                    );
                case (byte)'\\' when at + 1 < text.Length:
                    if (!PassEscape())
                    {
                        return false;
                    }

                    break;
            }
        }

        return false;
    }

    private bool PassEscape()
    {
        var escape = text[(at + 1)..];
        if (!"\"\\/bfnrtu"u8.Contains(escape[0]))
        {
            return Refuse("This '\\' begins no escape that JSON has: write a backslash as \\\\.");
        }

        var digits = escape[0] == 'u' ? escape[1..Math.Min(5, escape.Length)] : default;
        if (digits.ContainsAnyExcept(Hexadecimal))
        {
            return Refuse("A \\u must be followed by four hexadecimal digits; write a backslash as \\\\.");
        }

        at++;
        return true;
    }

    private bool PassNumber()
    {
        var from = at;
        at += Here == '-' ? 1 : 0;
        var hasZero = Here == '0';
        var digits = PassDigits();
        if (at < text.Length && hasZero && digits > 1)
        {
            at = from;
            return Refuse("A number must not begin with a zero: remove it.");
        }

        if (Here == '.' && digits > 0)
        {
            at++;
            digits = PassDigits();
        }

        if (Here is (byte)'e' or (byte)'E' && digits > 0)
        {
            at++;
            at += Here is (byte)'+' or (byte)'-' ? 1 : 0;
            digits = PassDigits();
        }

        if (at == text.Length)
        {
            return false;
        }

        if (digits > 0 && NameOf(text[at..]) is { } other && Here > ' ')
        {
            return Refuse(other);
        }

        var isWhole = digits > 0 && " \n\r\t,]}"u8.Contains(Here);
        at = isWhole ? at : from;
        return isWhole
            || Refuse("This is not a number as JSON writes it, like 0, -1.5 or 2e10; text stands in double quotes.");
    }

    private int PassDigits()
    {
        var from = at;
        while (Here is >= (byte)'0' and <= (byte)'9')
        {
            at++;
        }

        return at - from;
    }

    private bool PassWord(ReadOnlySpan<byte> word)
    {
        var rest = text[at..];
        if (!rest.StartsWith(word) || (rest.Length > word.Length && IsOfWord(rest[word.Length])))
        {
            return false;
        }

        at += word.Length;
        return true;
    }

    private bool PassBlanks()
    {
        while (Here is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
        {
            at++;
        }

        return at < text.Length;
    }

    private bool Refuse(string what)
    {
        detail ??= what;
        return false;
    }

    private readonly string WhatIsNoValue(string name, bool isSecret)
    {
        var where = name.Length > 0 ? $" of \"{name}\"" : "";
        var rest = text[at..];
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
            _ when word.Length > 0 => $"{word} is not a value{where}: text stands in double quotes.",
            _ => $"The value{where} is not JSON: text stands in double quotes.",
        };
    }

    private readonly string WhatIsNoName(bool isFirst) =>
        Here switch
        {
            (byte)'}' => "The ',' before this '}' is one too many: remove it.",
            (byte)',' => "This ',' is one too many: remove it.",
            (byte)']' => ObjectIsOpen,
            _ when IsOfWord(Here) => "A name stands in double quotes.",
            _ => isFirst
                ? "After a '{', a name in double quotes must follow."
                : "After a ',', a name in double quotes must follow.",
        };

    /// <summary>A name as Django's fields have them; whatever else stands where a name should is not shown.</summary>
    private static string IfPlain(ReadOnlySpan<byte> name) =>
        name.Length > 40 || name.ContainsAnyExcept(PlainLetters) ? "" : Encoding.ASCII.GetString(name);

    private static bool IsSecret(ReadOnlySpan<byte> name) =>
        name.Contains((byte)'\\')
        || Encoding.Latin1.GetString(name).Contains("password", StringComparison.OrdinalIgnoreCase);

    private static bool IsOfWord(byte letter) =>
        letter
            is (>= (byte)'a' and <= (byte)'z')
                or (>= (byte)'A' and <= (byte)'Z')
                or (byte)'_'
                or (byte)'$'
                or (>= (byte)'0' and <= (byte)'9');
}
