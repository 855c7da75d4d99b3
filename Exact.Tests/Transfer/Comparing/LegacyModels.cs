namespace Exact.Tests.Transfer.Comparing;

/// <summary>The models of the backend that Exact replaces, as in bench/django, with a valid record of each.</summary>
internal static class LegacyModels
{
    public static readonly LegacyModel Group = new("auth.group")
    {
        Fields = [new("name", "text", "\"editors\"") { MaxLength = 150 }],
    };

    public static readonly LegacyModel User = new("auth.user")
    {
        Fields =
        [
            new("username", "text", "\"ada\"") { MaxLength = 150 },
            new("password", "text", "\"pbkdf2_sha256$260000$a$b\"") { MaxLength = 128, Prefix = "!" },
            new("first_name", "text", "\"Ada\"") { MaxLength = 150 },
            new("last_name", "text", "\"L.\"") { MaxLength = 150 },
            new("email", "text", "\"ada@example.org\"") { MaxLength = 254 },
            new("is_superuser", "boolean", "false"),
            new("is_staff", "boolean", "true"),
            new("is_active", "boolean", "true"),
            new("last_login", "timestamp", "\"2025-01-02T03:04:05.678\""),
            new("date_joined", "timestamp", "\"2025-01-01T00:00:00\""),
        ],
    };

    public static readonly LegacyModel Company = new("user_api.company")
    {
        Fields =
        [
            new("user", "reference", "1"),
            new("name", "text", "\"ACME\"") { MaxLength = 200 },
            new("description", "text", "\"d\""),
            new("website", "text", "\"https://example.org\"") { MaxLength = 200 },
            new("created_at", "timestamp", "\"2025-01-01T00:00:00\""),
        ],
        Before = _ => [User.Record()],
    };

    public static readonly LegacyModel Challenge = new("api.challenge")
    {
        Fields =
        [
            new("challenge_id", "text", "\"c1\"") { MaxLength = 100 },
            new("title", "text", "\"t\"") { MaxLength = 100 },
            new("description", "text", "\"d\""),
            new("created_at", "timestamp", "\"2025-01-01T00:00:00\""),
            new("created_by", "text", "\"ada\"") { MaxLength = 150 },
            new("closes_on", "timestamp", "\"2025-02-01T00:00:00\""),
            new("dataset", "text, file", "\"challenges/c1/d.zip\"") { MaxLength = 100 },
            new("mlmodel", "text, file", "\"challenges/c1/m.zip\"") { MaxLength = 100 },
            new("xaimethod", "text, file", "\"challenges/c1/x.py\"") { MaxLength = 100 },
        ],
    };

    public static readonly LegacyModel Score = new("api.score")
    {
        Fields =
        [
            new("username", "text", "\"ada\"") { MaxLength = 150 },
            new("challenge_id", "text", "\"c1\"") { MaxLength = 100 },
            new("score", "number", "0.5"),
            new("emd_score", "number", "0.5"),
            new("emd_std", "number", "0.1"),
            new("ima_score", "number", "0.25"),
            new("ima_std", "number", "0.125"),
            new("method_name", "text", "\"lime\"") { MaxLength = 100 },
            new("created_at", "timestamp", "\"2025-01-01T00:00:00\""),
            new("status", "text, choice", "\"pending\"") { MaxLength = 20 },
            new("error_message", "text", "\"e\""),
        ],
        // The challenge that the score names, if it is a name that a challenge may have.
        Before = fields =>
            [Challenge.Record(changes: ("challenge_id", fields["challenge_id"] is ['"', ..] name ? name : "\"c1\""))],
    };

    public static readonly LegacyModel[] All = [Group, User, Company, Challenge, Score];

    /// <summary>A row of each model with the longest texts and the largest numbers, times and keys that both sides take.</summary>
    public static string AtTheLimits()
    {
        return Sample.Fixture([.. All.Select(Largest)]);

        static string Largest(LegacyModel model) =>
            model.Record($"{KeyOf(model)}", [.. model.Fields.Select(field => (field.Name, (string?)LargestOf(field)))]);

        static long KeyOf(LegacyModel model) =>
            model == Group || model == User ? int.MaxValue : (1L << 53) - (1L << 32);

        static string LargestOf(LegacyField field) =>
            field switch
            {
                { Kind: "reference" } => $"{KeyOf(User)}",
                { Kind: "timestamp" } => "\"9999-12-31T23:59:59.999\"",
                { Kind: "number" } => "1.7976931348623157e308",
                { Kind: "text, choice" } => "\"completed\"",
                { MaxLength: { } most } => field.Filled("🎯", most),
                _ => field.Valid,
            };
    }
}

/// <param name="Label">Django's name.</param>
internal sealed record LegacyModel(string Label)
{
    public required LegacyField[] Fields { get; init; }

    /// <summary>The records that a record with these fields needs before it.</summary>
    public Func<IReadOnlyDictionary<string, string?>, string[]> Before { get; init; } = _ => [];

    /// <summary>A valid record, with some of its fields changed; a field that becomes null is left out.</summary>
    public string Record(string? pk = "1", params (string Field, string? Json)[] changes) =>
        Written(Label, pk, With(changes));

    /// <summary>A fixture of that record and what it needs.</summary>
    public string Fixture(string? pk = "1", string? label = null, params (string Field, string? Json)[] changes)
    {
        var fields = With(changes);
        return Sample.Fixture([.. Before(fields), Written(label ?? Label, pk, fields)]);
    }

    private Dictionary<string, string?> With((string Field, string? Json)[] changes)
    {
        var fields = Fields.ToDictionary(field => field.Name, field => (string?)field.Valid);
        foreach (var (field, json) in changes)
        {
            fields[field] = json;
        }

        return fields;
    }

    private static string Written(string label, string? pk, Dictionary<string, string?> fields)
    {
        var written = fields.Where(field => field.Value is not null).Select(field => $"\"{field.Key}\": {field.Value}");
        var key = pk is null ? "" : $"\"pk\": {pk}, ";
        return $$"""{"model": "{{label}}", {{key}}"fields": { {{string.Join(", ", written)}} } }""";
    }
}

/// <param name="Name">The field's name.</param>
/// <param name="Kind">Which <see cref="FieldValues"/> are tried.</param>
/// <param name="Valid">A value that both sides take, as JSON.</param>
internal sealed record LegacyField(string Name, string Kind, string Valid)
{
    public int? MaxLength { get; init; }

    /// <summary>How every text of the field begins.</summary>
    public string Prefix { get; init; } = "";

    /// <summary>A text of that many characters, as JSON.</summary>
    public string Filled(string character, int length) =>
        $"\"{Prefix}{string.Concat(Enumerable.Repeat(character, length - Prefix.Length))}\"";
}
