using System.Text;

namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>
/// Guesses the code page of text that is not UTF-8: the one in which its letters are those of one language, in words
/// with the usual use of capitals. It says how sure it is, for with few letters nobody can be.
/// </summary>
internal static class CodePageGuess
{
    private const double Plausible = 0.4;
    private const double Sure = 0.7;
    private const double Distinct = 0.05;
    private const int Enough = 3;

    /// <summary>The usual ones; of two in which the text is the same, the first is named.</summary>
    private static readonly CodePage[] All =
    [
        new(1252, "windows-1252 (latin-1)", "WINDOWS-1252", Alphabets.Western),
        new(1251, "windows-1251", "WINDOWS-1251", Alphabets.Cyrillic),
        new(1250, "windows-1250", "WINDOWS-1250", Alphabets.Central) { Usual = 0.93 },
        new(932, "shift_jis (cp932)", "CP932", DoubleByteText.ShiftJis),
        new(936, "gbk (cp936)", "GBK", DoubleByteText.Gbk),
        new(949, "euc-kr (cp949)", "CP949", DoubleByteText.Korean),
        new(950, "big5 (cp950)", "BIG5", DoubleByteText.Big5),
        new(51932, "euc-jp", "EUC-JP", DoubleByteText.EucJp) { Usual = 0.97 },
        new(866, "cp866", "CP866", Alphabets.Cyrillic) { Usual = 0.95 },
        new(20866, "koi8-r", "KOI8-R", Alphabets.Cyrillic) { Usual = 0.95 },
        new(850, "cp850 (or cp437)", "CP850", Alphabets.Western) { Usual = 0.95 },
        new(852, "cp852", "CP852", Alphabets.Central) { Usual = 0.88 },
        new(28592, "iso-8859-2", "ISO-8859-2", Alphabets.Central) { Usual = 0.9 },
        new(1253, "windows-1253", "WINDOWS-1253", Alphabets.Greek),
        new(1254, "windows-1254", "WINDOWS-1254", Alphabets.Turkish) { Usual = 0.95 },
        new(1255, "windows-1255", "WINDOWS-1255", Alphabets.Hebrew) { Usual = 0.95 },
        new(1256, "windows-1256", "WINDOWS-1256", Alphabets.Arabic) { Usual = 0.95 },
        new(1257, "windows-1257", "WINDOWS-1257", Alphabets.Baltic) { Usual = 0.9 },
        new(874, "windows-874", "WINDOWS-874", Alphabets.Thai) { Usual = 0.95 },
    ];

    /// <summary>What the text looks like, and how to convert it.</summary>
    /// <param name="text">A part of the file that begins and ends between two characters.</param>
    public static string Describe(ReadOnlySpan<byte> text)
    {
        var sample = text.ToArray();
        var guesses = All.Select(page => (Page: page, Score: page.Score(sample)))
            .Where(guess => guess.Score >= Plausible)
            .OrderByDescending(guess => guess.Score) // stable, so that the usual one comes first
            .ToList();
        if (guesses is not [var (best, score), ..])
        {
            return "Its encoding cannot be told. Dump again with manage.py dumpdata -o FILE, or save it as UTF-8.";
        }

        var other = guesses.Find(guess => guess.Score > score - Distinct && !guess.Page.ReadsLike(best, sample)).Page;
        var isSure = other is null && score >= Sure && sample.Distinct().Count(value => value >= 0x80) >= Enough;
        var looks = isSure ? $"It looks like {best.Name}" : $"It may be {best.Name}";
        var or = other is null ? "" : $" or {other.Name}";
        return $"{looks}{or}: dump with manage.py dumpdata -o FILE, or convert it with iconv -f {best.Iconv} -t UTF-8.";
    }

    /// <param name="Number">.NET's number of it.</param>
    /// <param name="Name">The usual name.</param>
    /// <param name="Iconv">The name that iconv takes.</param>
    private sealed record CodePage(int Number, string Name, string Iconv)
    {
        private readonly Func<Encoding, byte[], double> score = (_, _) => 0;

        public CodePage(int number, string name, string iconv, string[] alphabets)
            : this(number, name, iconv) =>
            score = (encoding, sample) => Alphabets.Score(encoding.GetString(sample), alphabets);

        public CodePage(int number, string name, string iconv, Func<byte, byte, double?> ofPair)
            : this(number, name, iconv) => score = (_, sample) => DoubleByteText.Score(sample, ofPair);

        /// <summary>Of two that fit equally well, the usual one is right more often.</summary>
        public double Usual { get; init; } = 1;

        private Encoding Encoding => field ??= CodePagesEncodingProvider.Instance.GetEncoding(Number)!;

        /// <summary>How plausible the text is, up to 1.</summary>
        public double Score(byte[] sample) => score(Encoding, sample) * Usual;

        public bool ReadsLike(CodePage other, byte[] sample) =>
            Encoding.GetString(sample) == other.Encoding.GetString(sample);
    }
}
