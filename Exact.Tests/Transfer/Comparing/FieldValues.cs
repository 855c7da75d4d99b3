namespace Exact.Tests.Transfer.Comparing;

/// <summary>What is tried for each kind of field: a name, and the value as JSON; null leaves the field out.</summary>
internal static class FieldValues
{
    private static readonly (string Name, string? Json)[] Any =
    [
        ("absent", null),
        ("null", "null"),
        ("empty", "\"\""),
        ("true", "true"),
        ("a list", "[\"x\"]"),
        ("an object", "{\"x\": 1}"),
        ("NaN", "NaN"),
    ];

    private static readonly (string Name, string? Json)[] Numbers =
    [
        .. Any,
        ("a fraction", "0.1"),
        ("too large", "1e400"),
        ("a numeric string", "\"0.5\""),
    ];

    private static readonly (string Name, string? Json)[] MoreNumbers =
    [
        ("a whole number", "3"),
        ("minus zero", "-0.0"),
        ("an exponent", "1E5"),
        ("the largest", "1.7976931348623157e308"),
        ("the smallest", "5e-324"),
        ("too small", "1e-400"),
        ("too large and negative", "-1e400"),
        ("2^53 + 1", "9007199254740993"),
        ("2^64", "18446744073709551616"),
        ("2^1024", "17976931348623159077" + new string('0', 289)),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("a numeric string in blanks", "\" 0.5 \""),
        ("a numeric string with a plus", "\"+0.5\""),
        ("a numeric string with underscores", "\"1_000\""),
        ("a numeric string in other digits", "\"１\""),
        ("a numeric string in hexadecimal", "\"0x10\""),
        ("a numeric string without a leading zero", "\".5\""),
        ("a numeric string with a comma", "\"0,5\""),
        ("a numeric string that is too large", "\"1e400\""),
        ("NaN as a string", "\"NaN\""),
        ("nan as a string", "\"nan\""),
        ("Infinity as a string", "\"Infinity\""),
        ("-Infinity as a string", "\"-Infinity\""),
        ("inf as a string", "\"inf\""),
        ("another string", "\"x\""),
    ];

    private static readonly (string Name, string? Json)[] Booleans =
    [
        .. Any,
        ("false", "false"),
        ("1", "1"),
        ("2", "2"),
    ];

    private static readonly (string Name, string? Json)[] MoreBooleans =
    [
        ("0", "0"),
        ("1.0", "1.0"),
        ("0.0", "0.0"),
        ("-0", "-0"),
        ("t as a string", "\"t\""),
        ("f as a string", "\"f\""),
        ("True as a string", "\"True\""),
        ("False as a string", "\"False\""),
        ("1 as a string", "\"1\""),
        ("0 as a string", "\"0\""),
        ("true as a string", "\"true\""),
        ("false as a string", "\"false\""),
        ("yes as a string", "\"yes\""),
        ("None as a string", "\"None\""),
    ];

    /// <summary>What is tried for references to a user; <see cref="RelationCases"/> has more.</summary>
    private static readonly (string Name, string? Json)[] References =
    [
        .. Any,
        ("a numeric string", "\"1\""),
        ("1.0", "1.0"),
        ("1.7", "1.7"),
        ("a natural key", "[\"ada\"]"),
        ("a natural key of nobody", "[\"nobody\"]"),
        ("a natural key of two", "[\"ada\", \"b\"]"),
        ("an empty natural key", "[]"),
        ("nobody", "77"),
        ("0", "0"),
        ("another string", "\"ada\""),
    ];

    private static readonly (string Name, string? Json)[] Timestamps =
    [
        .. Any,
        ("a number", "1735689600"),
        ("the first", "\"0001-01-01T00:00:00\""),
        ("the last", "\"9999-12-31T23:59:59.999999\""),
        ("beyond the last", "\"10000-01-01T00:00:00\""),
        ("with a zone", "\"2025-01-01T00:00:00.123456+02:00\""),
    ];

    private static IEnumerable<(string Name, string? Json)> MoreTimestamps =>
        TimestampForms.Texts.Select(text => ($"\"{text}\"", (string?)$"\"{text}\""));

    private static readonly (string Name, string? Json)[] Choices =
    [
        ("pending", "\"pending\""),
        ("running", "\"running\""),
        ("completed", "\"completed\""),
        ("failed", "\"failed\""),
        ("a choice in another case", "\"Completed\""),
        ("another word", "\"scored\""),
    ];

    private static readonly (string Name, string? Json)[] Paths =
    [
        ("an absolute path", "\"/etc/passwd\""),
        ("a path that leads out", "\"../c1/d.zip\""),
        ("a path that leads out further on", "\"c1/../../d.zip\""),
        ("a path that leads back in", "\"c1/../d.zip\""),
        ("a path with a dot", "\"./c1/d.zip\""),
        ("a path with dots in a name", "\"c1/d..zip\""),
        ("a path of Windows", "\"c1\\\\d.zip\""),
        ("a path with a drive", "\"C:/d.zip\""),
    ];

    private static readonly (string Name, string? Json)[] Passwords =
    [
        ("no hash", "\"secret\""),
        ("an unusable hash", "\"!abc\""),
        ("PBKDF2 without iterations", "\"pbkdf2_sha256$$a$b\""),
        ("PBKDF2 of no iterations", "\"pbkdf2_sha256$0$a$b\""),
        ("PBKDF2 of negative iterations", "\"pbkdf2_sha256$-1$a$b\""),
        ("PBKDF2 of 2^31 iterations", "\"pbkdf2_sha256$2147483648$a$b\""),
        ("PBKDF2 of one iteration", "\"pbkdf2_sha256$1$a$b\""),
        ("PBKDF2 without a salt", "\"pbkdf2_sha256$260000\""),
        ("PBKDF2 with SHA-1", "\"pbkdf2_sha1$260000$a$b\""),
        ("argon2", "\"argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA\""),
        ("bcrypt", "\"bcrypt_sha256$$2b$12$x\""),
        ("MD5", "\"md5$s$h\""),
    ];

    private static readonly (string Name, string? Json)[] MoreTexts =
    [
        ("a fraction", "1.5"),
        ("false", "false"),
        ("blanks around it", "\" x \""),
        ("blanks only", "\"  \""),
        ("control characters", "\"a\\t\\n\\u0001\\u007f\\u2028b\""),
        ("escapes", "\"\\u00fc\\ud83c\\udfaf\\/\\\"\""),
        ("U+0000", "\"a\\u0000b\""),
        ("half a surrogate pair", "\"\\ud800\""),
        ("a surrogate pair in the wrong order", "\"\\udfaf\\ud83c\""),
    ];

    /// <summary>All that is tried for the field; one field of each kind is tried with more than the others.</summary>
    public static IEnumerable<(string Name, string? Json)> For(LegacyField field) =>
        field switch
        {
            { Kind: "reference" } => References,
            { Name: "score" } => [.. Numbers, .. MoreNumbers],
            { Kind: "number" } => Numbers,
            { Name: "is_active" } => [.. Booleans, .. MoreBooleans],
            { Kind: "boolean" } => Booleans,
            { Name: "closes_on" } => [.. Timestamps, .. MoreTimestamps],
            { Kind: "timestamp" } => Timestamps,
            { Name: "dataset" } => [.. Texts(field), .. MoreTexts, .. Paths],
            { Name: "title" } => [.. Texts(field), .. MoreTexts],
            { Kind: "text, choice" } => [.. Texts(field), .. Choices],
            { Name: "password" } => [.. Texts(field), .. Passwords],
            _ => Texts(field),
        };

    /// <summary>Limits count characters, whichever they are; a field without one is tried with a long text.</summary>
    private static (string Name, string? Json)[] Texts(LegacyField field)
    {
        var most = field.MaxLength ?? 100_000;
        return
        [
            .. Any,
            ("a number", "5"),
            ("a numeric string", "\"5\""),
            ("at the limit", field.Filled("🎯", most)),
            ("over the limit", field.Filled("x", field.MaxLength is null ? most : most + 1)),
        ];
    }
}
