using static Exact.Tests.Transfer.Comparing.LegacyModels;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>Records that refer to one another, and that are the same.</summary>
internal static class RelationCases
{
    private const string Ada = "1";

    private static readonly string Group1 = Group.Record();
    private static readonly string Group2 = Group.Record("2", ("name", "\"authors\""));
    private static readonly string Bob = User.Record("2", ("username", "\"bob\""));

    public static FixtureCase[] All { get; } =
    [.. OfGroups(), .. OfUserIds(), .. OfScores(), .. OfTwins(), .. OfLists()];

    private static IEnumerable<FixtureCase> OfGroups()
    {
        (string Name, string Json)[] lists =
        [
            ("none", "[]"),
            ("one", "[1]"),
            ("two", "[1, 2]"),
            ("two in another order", "[2, 1]"),
            ("one twice", "[1, 1]"),
            ("one by two names", "[1, [\"editors\"]]"),
            ("by natural key", "[[\"editors\"], [\"authors\"]]"),
            ("by a natural key in other case", "[[\"Editors\"]]"),
            ("by a natural key of none", "[[\"nobody\"]]"),
            ("by a natural key of two", "[[\"editors\", \"x\"]]"),
            ("by an empty natural key", "[[]]"),
            ("by a natural key that is a number", "[[1]]"),
            ("by natural key and by key", "[[\"editors\"], 2]"),
            ("by key and by natural key", "[2, [\"editors\"]]"),
            ("one that is missing", "[77]"),
            ("0", "[0]"),
            ("-1", "[-1]"),
            ("2^31", "[2147483648]"),
            ("as strings", "[\"1\", \"2\"]"),
            ("1.0", "[1.0]"),
            ("1.7", "[1.7]"),
            ("true", "[true]"),
            ("null in a list", "[null]"),
            ("a word in a list", "[\"editors\"]"),
            ("an object in a list", "[{\"pk\": 1}]"),
            ("null", "null"),
            ("a number", "1"),
            ("a word", "\"editors\""),
            ("a digit as a string", "\"1\""),
            ("digits as a string", "\"12\""),
            ("an empty string", "\"\""),
            ("an empty object", "{}"),
            ("an object", "{\"1\": 2}"),
            ("true alone", "true"),
        ];
        foreach (var (name, json) in lists)
        {
            var user = User.Record(changes: ("groups", json));
            yield return new($"auth.user.groups: {name}", Sample.Fixture(Group1, Group2, user));
            if (json.StartsWith("[[") || json.StartsWith("[1"))
            {
                yield return new($"auth.user.groups, forward: {name}", Sample.Fixture(user, Group2, Group1));
            }
        }
    }

    private static IEnumerable<FixtureCase> OfUserIds()
    {
        (string Name, (string, string?)[] Fields)[] forms =
        [
            ("user_id", [("user", null), ("user_id", "1")]),
            ("user_id as a string", [("user", null), ("user_id", "\"1\"")]),
            ("user_id by natural key", [("user", null), ("user_id", "[\"ada\"]")]),
            ("user_id null", [("user", null), ("user_id", "null")]),
            ("user_id of nobody", [("user", null), ("user_id", "77")]),
            ("user_id and user alike", [("user", "1"), ("user_id", "1")]),
            ("user_id contradicts user", [("user", "1"), ("user_id", "2")]),
        ];
        foreach (var (name, fields) in forms)
        {
            yield return new(
                $"user_api.company: {name}",
                Sample.Fixture(User.Record(), Bob, Company.Record(changes: fields))
            );
        }

        yield return new("user_api.company: forward", Sample.Fixture(Company.Record(), User.Record()));
        yield return new(
            "user_api.company: forward by natural key",
            Sample.Fixture(Company.Record(changes: ("user", "[\"ada\"]")), User.Record())
        );
        yield return new("user_api.company: of nobody", Sample.Fixture(Company.Record()));
        yield return new(
            "user_api.company: two of one user",
            Sample.Fixture(User.Record(), Company.Record(), Company.Record("2"))
        );
        yield return new(
            "user_api.company: of a user without a pk",
            Sample.Fixture(User.Record(pk: null), Company.Record(changes: ("user", "[\"ada\"]")))
        );
    }

    private static IEnumerable<FixtureCase> OfScores()
    {
        yield return new("api.score: forward", Sample.Fixture(Score.Record(), Challenge.Record()));
        yield return new("api.score: of no challenge", Sample.Fixture(Score.Record()));
        yield return new(
            "api.score: of a challenge in another case",
            Sample.Fixture(Challenge.Record(), Score.Record(changes: ("challenge_id", "\"C1\"")))
        );
        yield return new(
            "api.score: only what the oldest backups have",
            Sample.Fixture(
                Challenge.Record(changes: [("created_by", null), ("closes_on", null)]),
                Score.Record(
                    changes:
                    [
                        ("emd_score", null),
                        ("emd_std", null),
                        ("ima_score", null),
                        ("ima_std", null),
                        ("method_name", null),
                        ("status", null),
                        ("error_message", null),
                    ]
                )
            )
        );
    }

    private static IEnumerable<FixtureCase> OfTwins()
    {
        foreach (var model in LegacyModels.All)
        {
            var before = model.Before(model.Fields.ToDictionary(field => field.Name, field => (string?)field.Valid));
            var name = model.Fields.First(field => field.Kind == "text").Name;
            var bare = model.Fields.Where(field =>
                field.Name != name && field.Kind is not ("timestamp" or "reference")
            );
            FixtureCase Of(string title, params string[] records) =>
                new($"{model.Label}: {title}", Sample.Fixture([.. before, .. records]));

            yield return Of("a pk twice", model.Record(), model.Record(changes: (name, "\"second\"")));
            yield return Of(
                "a pk twice, with less the second time",
                model.Record(),
                model.Record(changes: [.. bare.Where(field => field.Name != "challenge_id").Select(Left)])
            );
            yield return Of("the same twice", model.Record(), model.Record());
            yield return Of("the same under two keys", model.Record(), model.Record("2"));
            yield return Of("the same twice without a pk", model.Record(pk: null), model.Record(pk: null));
            yield return Of("the same with a pk and without", model.Record("5"), model.Record(pk: null));
            yield return Of("the same without a pk and with", model.Record(pk: null), model.Record("5"));
            if (model != Company) // a user has one
            {
                var unique =
                    model == Challenge ? "challenge_id"
                    : model == Score ? "method_name"
                    : name;
                string Other(string? pk) => model.Record(pk, (unique, "\"other\""));
                yield return Of("one with a pk, another without", model.Record(Ada), Other(null));
                yield return Of("one without a pk, another with", model.Record(pk: null), Other("5"));
                yield return Of("two without a pk", model.Record(pk: null), Other(null));
                yield return Of("two that swap", model.Record("2"), Other("1"));
            }
        }
    }

    private static IEnumerable<FixtureCase> OfLists()
    {
        yield return new(
            "auth.user.user_permissions: one",
            Sample.Fixture(User.Record(changes: ("user_permissions", "[1]")))
        );
        yield return new(
            "auth.user.user_permissions: none",
            Sample.Fixture(User.Record(changes: ("user_permissions", "[]")))
        );
        yield return new("auth.group.permissions: one", Sample.Fixture(Group.Record(changes: ("permissions", "[1]"))));
        yield return new("auth.group.permissions: none", Sample.Fixture(Group.Record(changes: ("permissions", "[]"))));
        yield return new(
            "auth.permission: a new one",
            Sample.Fixture(
                """{"model": "auth.permission", "pk": 900, "fields": {"name": "n", "content_type": 1, "codename": "grade"}}"""
            )
        );
    }

    private static (string, string?) Left(LegacyField field) => (field.Name, null);
}
