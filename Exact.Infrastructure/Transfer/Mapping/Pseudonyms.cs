namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>What an export without people writes in place of what would tell who somebody is.</summary>
internal static class Pseudonyms
{
    /// <summary>The setting of a session that holds the secret behind the pseudonyms.</summary>
    public const string Setting = "exact.pseudonyms";

    /// <summary>
    /// The secret: the oldest key of this installation, so that the pseudonyms stay the same; without it, nobody can
    /// find a name by trying names.
    /// </summary>
    public const string Secret =
        "coalesce((SELECT xml FROM data_protection_keys ORDER BY id LIMIT 1), gen_random_uuid()::text)";

    private const int Digits = 16;

    /// <summary>Django's form of a password that nobody has.</summary>
    public static readonly SqlOfRow NoPassword = _ => "'!'";

    public static readonly SqlOfRow Empty = _ => "''";

    public static readonly SqlOfRow Email = column =>
        $"CASE WHEN {column("email")} IS NOT NULL THEN {Of(column("username"))} || '@example.invalid' END";

    public static readonly SqlOfRow CompanyName = column => $"'company-' || {column("id")}";

    /// <summary>A file's name, of which only the extension stays.</summary>
    public static readonly SqlOfRow FileName = column =>
        $"""'file' || coalesce(substring({column("original_name")} from '\.[A-Za-z0-9]+$'), '')""";

    /// <summary>The pseudonym of the person that a column names: in each table the same.</summary>
    public static SqlOfRow Person(string name) => column => Of(column(name));

    /// <summary>Free text, which may say anything about anybody.</summary>
    public static SqlOfRow Text(string name) =>
        column => $"CASE WHEN {column(name)} <> '' THEN 'redacted' ELSE {column(name)} END";

    private static string Of(string name) =>
        $"""
            CASE WHEN {name} = '' THEN '' ELSE 'person-' || left(
                encode(sha256(convert_to(current_setting('{Setting}') || {name}, 'UTF8')), 'hex'), {Digits}) END
            """;
}
