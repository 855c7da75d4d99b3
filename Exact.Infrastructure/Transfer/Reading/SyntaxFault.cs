using System.Buffers;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// Finds why a record is not JSON, to say it in our own words: the parser's would quote the file, where a password may
/// stand.
/// </summary>
internal ref struct SyntaxFault
{
    private const string Comma =
        "Two values have no ',' between them, or a '\"' within the string before is not written as \\\".";

    private static readonly SearchValues<byte> Hexadecimal = SearchValues.Create("0123456789abcdefABCDEF"u8);

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
                    || Refuse(FaultText.NameOf(text[at..]) ?? FaultText.NoValue(text[at..], name, isSecret));
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
                return Refuse(FaultText.NameOf(text[at..]) ?? FaultText.NoName(Here, isFirst));
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
                return Refuse(FaultText.NameOf(text[at..]) ?? "A name must be followed by a ':' and its value.");
            }

            at++;
            if (!PassValue(depth, FaultText.IfPlain(name), isSecret || FaultText.IsSecret(name)) || !PassBlanks())
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
                return Refuse(FaultText.NameOf(text[at..]) ?? (Here == ']' ? FaultText.ObjectIsOpen : Comma));
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
                    FaultText.NameOf(text[at..]) ?? (Here == '}' ? "A '}' stands where the list needs its ']'." : Comma)
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
                        "The string does not end on its line: close it with '\"', or write the line break as \\n."
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

        if (digits > 0 && FaultText.NameOf(text[at..]) is { } other && Here > ' ')
        {
            return Refuse(other);
        }

        var isWhole = digits > 0 && " \n\r\t,]}"u8.Contains(Here);
        at = isWhole ? at : from;
        return isWhole
            || Refuse(
                "This is not a number as JSON writes it, like 0, -1.5 or 2e10; a string must stand in double quotes."
            );
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
        if (!rest.StartsWith(word) || (rest.Length > word.Length && FaultText.IsOfWord(rest[word.Length])))
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
}
