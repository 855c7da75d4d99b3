namespace Exact.Tests.Transfer.Comparing;

/// <summary>The fixtures that Django and Exact both load, in the order of the report.</summary>
internal static class FixtureCases
{
    private static readonly (string Name, string? Json)[] Keys =
    [
        ("absent", null),
        ("null", "null"),
        ("5", "5"),
        ("5 as a string", "\"5\""),
        ("5.0", "5.0"),
        ("5.7", "5.7"),
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("-3", "-3"),
        ("2^31-1", "2147483647"),
        ("2^31", "2147483648"),
        ("2^53-1", "9007199254740991"),
        ("2^53", "9007199254740992"),
        ("2^63-1", "9223372036854775807"),
        ("2^63", "9223372036854775808"),
        ("empty", "\"\""),
        ("a list", "[1]"),
    ];

    private static readonly (string Name, string? Json)[] MoreKeys =
    [
        ("5 as a string in blanks", "\" 5 \""),
        ("5 as a string with a plus", "\"+5\""),
        ("5 as a string with a zero", "\"05\""),
        ("5 as a string in other digits", "\"５\""),
        ("5.0 as a string", "\"5.0\""),
        ("5e0", "5e0"),
        ("50 as a string with an underscore", "\"5_0\""),
        ("1e400", "1e400"),
        ("NaN", "NaN"),
        ("a word", "\"abc\""),
        ("an object", "{\"a\": 1}"),
    ];

    /// <summary>An <c>id</c> among the fields, beside this pk or none.</summary>
    private static readonly (string Name, string? Pk, string Json)[] Ids =
    [
        ("without a pk", null, "9"),
        ("and pk null", "null", "9"),
        ("that is the pk", "9", "9"),
        ("that contradicts the pk", "7", "9"),
        ("null beside a pk", "7", "null"),
    ];

    private static readonly (string Name, string? Pk, string Json)[] MoreIds =
    [
        ("as a string, without a pk", null, "\"9\""),
        ("that is the pk as a string", "9", "\"9\""),
        ("null without a pk", null, "null"),
        ("that is a word", "7", "\"x\""),
        ("0", null, "0"),
    ];

    public static IReadOnlyList<FixtureCase> All { get; } =
    [.. OfFields(), .. OfKeys(), .. OfLabels(), .. OfIds(), .. RelationCases.All, .. FileCases.All];

    private static IEnumerable<FixtureCase> OfFields() =>
        from model in LegacyModels.All
        from field in model.Fields
        from value in FieldValues.For(field)
        select new FixtureCase(
            $"{model.Label}.{field.Name} ({field.Kind}): {value.Name}",
            model.Fixture(changes: (field.Name, value.Json))
        );

    private static IEnumerable<FixtureCase> OfKeys() =>
        from model in LegacyModels.All
        from key in model == LegacyModels.Challenge ? [.. Keys, .. MoreKeys] : Keys
        select new FixtureCase($"{model.Label} (pk): {key.Name}", model.Fixture(key.Json));

    private static IEnumerable<FixtureCase> OfLabels()
    {
        foreach (var model in LegacyModels.All)
        {
            var (app, name) = model.Label.Split('.') is [var first, var second] ? (first, second) : default;
            FixtureCase Of(string title, string label) =>
                new($"{model.Label} (label): {title}", model.Fixture(label: label));

            yield return Of("a capital in the model", $"{app}.{char.ToUpperInvariant(name[0])}{name[1..]}");
            yield return Of("the model in capitals", $"{app}.{name.ToUpperInvariant()}");
            yield return Of("the app in capitals", $"{app.ToUpperInvariant()}.{name}");
            if (model == LegacyModels.Challenge)
            {
                yield return Of("a capital in the app", $"Api.{name}");
                yield return Of("blanks around it", $" {model.Label} ");
                yield return Of("no app", name);
                yield return Of("no model", $"{app}.");
                yield return Of("a part too many", $"{model.Label}.x");
                yield return Of("another model", $"{app}.nothing");
                yield return Of("another app", $"other.{name}");
            }
        }
    }

    private static IEnumerable<FixtureCase> OfIds() =>
        from model in LegacyModels.All
        from id in model == LegacyModels.Challenge ? [.. Ids, .. MoreIds] : Ids
        select new FixtureCase($"{model.Label} (id): {id.Name}", model.Fixture(id.Pk, changes: ("id", id.Json)));
}

/// <param name="Name">What is odd about it; unique.</param>
/// <param name="Json">The fixture.</param>
internal sealed record FixtureCase(string Name, string Json);
