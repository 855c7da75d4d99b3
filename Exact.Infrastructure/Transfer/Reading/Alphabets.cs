namespace Exact.Infrastructure.Transfer.Reading;

/// <summary>The letters of languages beyond ASCII, lower case, the frequent ones first, before a bar.</summary>
internal static class Alphabets
{
    private const string Punctuation = "‘’‚“”„–—…•«»°№€£§©®™·´\u00A0¿¡ºª";

    public static readonly string[] Western =
    [
        "äöüß|",
        "éèàçêâîôûùëïœ|",
        "áéíóúñü|",
        "áãçéêíóõôúâà|",
        "åäöæøé|",
        "àèéìòù|",
    ];

    public static readonly string[] Central =
    [
        "ąęłóśżćńź|",
        "áéíěščřžýůúťďňó|",
        "áéíóöőúüű|",
        "čšžćđ|",
        "áäčďéíĺľňóôŕšťúýž|",
        "ăâîşţ|",
    ];

    public static readonly string[] Cyrillic =
    [
        "оеаинтсрвлкм|дпуяыьгзбчйхжшюцщэфъё",
        "оаніитвреслк|мпудязьбгйчхцжїюєфшщґ",
        "аиоенрстјуд|вкмлпгзбшчцћжђхњљфџ",
    ];

    public static readonly string[] Greek = ["αοιετσνςυρηίόάέή|κπμλγδβθφχωξζψύώϊϋ"];

    public static readonly string[] Turkish = ["ıişğüöç|âİ"];

    public static readonly string[] Hebrew = ["יוהלאתמרבם|נשדקעחפטגכסצןזךףץ"];

    public static readonly string[] Arabic = ["الينمروتبة|دسعكفحقهجشصىطخأءذإثزضغئظآؤ"];

    public static readonly string[] Baltic = ["āīšūēņ|žļķģčū", "ėšįųžąęčū|", "äõöüšž|"];

    public static readonly string[] Thai = ["านรอกเงมยลวดทสต่้ัิี็ใไ|ะปบคหแจพชขโผถซณฟธษภฉญฎฏฐฑฒฌฆฝศฬฮฯๆำึืุู๊๋์"];

    /// <summary>How well the letters beyond ASCII fit the best of these alphabets, up to 1.</summary>
    public static double Score(string text, string[] alphabets) => alphabets.Max(alphabet => Score(text, alphabet));

    private static double Score(string text, string alphabet)
    {
        var isLatin = alphabet[0] < 'Ͱ';
        var frequent = alphabet.IndexOf('|');
        var isUpperWord = false;
        var (sum, count) = (0.0, 0);
        var inRow = 0;
        for (var at = 0; at < text.Length; at++)
        {
            var before = at > 0 ? text[at - 1] : ' ';
            isUpperWord = char.IsLetter(before) ? isUpperWord : char.IsUpper(text[at]);
            if (char.IsAscii(text[at]))
            {
                inRow = 0;
                continue;
            }

            count++;
            var after = at + 1 < text.Length ? text[at + 1] : ' ';
            var place = alphabet.IndexOf(char.ToLowerInvariant(text[at]));
            var isAmongOthers = !isLatin && (char.IsAsciiLetter(before) || char.IsAsciiLetter(after));
            var isCapitalWithin = char.IsUpper(text[at]) && char.IsLetter(before) && !isUpperWord;
            var isAlone = !char.IsLetter(before) && !char.IsLetter(after);
            var isInRow = isLatin && inRow >= 2; // no Latin word is of such letters alone
            inRow = char.IsLetter(text[at]) ? inRow + 1 : 0;
            var isApostrophe = text[at] is '’' && char.IsAsciiLetter(before) && char.IsAsciiLetter(after);
            sum +=
                char.IsControl(text[at]) ? -1
                : isApostrophe ? 1
                : Punctuation.Contains(text[at]) ? 0.75
                : place < 0 || isAmongOthers || isCapitalWithin ? 0
                : (place < frequent ? 1 : 0.5)
                    * (
                        isAlone ? 0.7
                        : isInRow ? 0.4
                        : 1
                    );
        }

        return count == 0 ? 0 : sum / count;
    }
}
