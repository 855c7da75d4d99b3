using static Exact.Tests.Transfer.Comparing.LegacyModels;

namespace Exact.Tests.Transfer.Comparing;

/// <summary>Files and records that are odd as JSON, or as records.</summary>
internal static class FileCases
{
    private static readonly string Good = Group.Record();
    private static readonly string Other = Group.Record("2", ("name", "\"authors\""));

    public static FixtureCase[] All { get; } =
    [
        new("file: an empty list", "[]"),
        new("file: a list of one", $"[{Good}]"),
        new("file: a byte order mark", $"\ufeff[{Good}]"),
        new("file: blanks around it", $" \n\t[ {Good} ]\r\n "),
        new("file: one record without a list", Good),
        new("file: a record a line", $"{Good}\n{Other}\n"),
        new("file: empty", ""),
        new("file: blank", " \n"),
        new("file: null", "null"),
        new("file: a word", "\"x\""),
        new("file: a number", "1"),
        new("file: a list of null", "[null]"),
        new("file: a list of words", "[\"x\"]"),
        new("file: a list of lists", $"[[{Good}]]"),
        new("file: a comma too many", $"[{Good},]"),
        new("file: a comma too few", $"[{Good} {Other}]"),
        new("file: a comment", $"// x\n[{Good}]"),
        new("file: a comment within", $"[/* x */{Good}]"),
        new("file: cut off", $"[{Good}, {{\"model\": \"auth.gr"),
        new("file: cut off after a record", $"[{Good}"),
        new("file: something after it", $"[{Good}] x"),
        new("file: another list after it", $"[{Good}][{Other}]"),
        new("file: single quotes", $"[{Good.Replace('"', '\'')}]"),
        new("file: a line of a log before it", $"[INFO] start\n[{Good}]"),
        new(
            "file: a raw tab in a string",
            "[{\"model\": \"auth.group\", \"pk\": 1, \"fields\": {\"name\": \"a\tb\"}}]"
        ),
        new("file: a leading zero", "[{\"model\": \"auth.group\", \"pk\": 01, \"fields\": {\"name\": \"a\"}}]"),
        new("file: a leading plus", "[{\"model\": \"auth.group\", \"pk\": +1, \"fields\": {\"name\": \"a\"}}]"),
        new("file: a name twice among the fields", Record("\"pk\": 1", "\"name\": \"a\", \"name\": \"b\"")),
        new("file: a name twice, wrong at first", Record("\"pk\": 1", "\"name\": null, \"name\": \"b\"")),
        new("file: a name twice, wrong at last", Record("\"pk\": 1", "\"name\": \"a\", \"name\": null")),
        new("file: pk twice", Record("\"pk\": 1, \"pk\": 2", "\"name\": \"a\"")),
        new("file: pk twice, null at last", Record("\"pk\": 1, \"pk\": null", "\"name\": \"a\"")),
        new("file: pk twice, wrong at first", Record("\"pk\": \"x\", \"pk\": 2", "\"name\": \"a\"")),
        new(
            "file: model twice",
            Record("\"model\": \"api.nothing\", \"pk\": 1, \"model\": \"auth.group\"", "\"name\": \"a\"")
        ),
        new(
            "record: fields before the model",
            "[{\"fields\": {\"name\": \"a\"}, \"pk\": 1, \"model\": \"auth.group\"}]"
        ),
        new("record: something more", Record("\"pk\": 1, \"note\": {\"x\": [1]}", "\"name\": \"a\"")),
        new("record: pk spelled PK", Record("\"PK\": 3", "\"name\": \"a\"")),
        new("record: no model", "[{\"pk\": 1, \"fields\": {\"name\": \"a\"}}]"),
        new("record: model null", "[{\"model\": null, \"pk\": 1, \"fields\": {\"name\": \"a\"}}]"),
        new("record: model a number", "[{\"model\": 1, \"pk\": 1, \"fields\": {\"name\": \"a\"}}]"),
        new("record: no fields", "[{\"model\": \"auth.group\", \"pk\": 1}]"),
        new("record: fields null", "[{\"model\": \"auth.group\", \"pk\": 1, \"fields\": null}]"),
        new("record: fields a list", "[{\"model\": \"auth.group\", \"pk\": 1, \"fields\": []}]"),
        new("record: an unknown field", Record("\"pk\": 1", "\"name\": \"a\", \"colour\": 1")),
        new("record: an unknown field that is null", Record("\"pk\": 1", "\"name\": \"a\", \"colour\": null")),
        new("record: a field in other case", Record("\"pk\": 1", "\"Name\": \"a\"")),
        new("record: pk among the fields", Record("\"pk\": 1", "\"name\": \"a\", \"pk\": 1")),
        new("record: a field of Exact alone", Record("\"pk\": 1", "\"name\": \"a\", \"normalized_name\": \"a\"")),
        .. LegacyModels.All.Select(model => new FixtureCase(
            $"record: nothing but a pk, {model.Label}",
            $"[{{\"model\": \"{model.Label}\", \"pk\": 1, \"fields\": {{}}}}]"
        )),
    ];

    private static string Record(string head, string fields) =>
        $"[{{{(head.Contains("model") ? "" : "\"model\": \"auth.group\", ")}{head}, \"fields\": {{{fields}}}}}]";
}
