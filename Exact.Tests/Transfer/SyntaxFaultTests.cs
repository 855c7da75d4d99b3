using System.Text;
using System.Text.Json;
using Exact.Infrastructure.Transfer.Mapping;
using Exact.Infrastructure.Transfer.Reading;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>What is said of a file that is not JSON: what is wrong, where, and never a part of a password.</summary>
public sealed class SyntaxFaultTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    private const string Head = """[{"model": "api.challenge", "pk": 1, "fields": {""" + "\n";

    /// <summary>As Django's hashers write them; the last is what was once allowed.</summary>
    private static readonly string[] Hashes =
    [
        "pbkdf2_sha256$260000$Q7wXsaLt1pVbZk9e$kR8vWm2hXyA+tG5/LqZ0nE4cJd7uFs1oBiP6gHx3MwY=",
        "argon2$argon2id$v=19$m=102400,t=2,p=8$UTd3WHNhTHQxcFZiWms5ZQ$Zm9yZ2V0dGVuLXdvcmRz",
        "bcrypt_sha256$$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8ZqKq5gVwXyZrWmTnPe",
        "8743b52063cd84097a65d1633f5c74f5",
    ];

    [Theory]
    [InlineData("\"title\": '',", 9, "Strings must stand in double quotes (\"), not in single ones.")]
    [InlineData("\"title\": “t”,", 9, "Strings must stand in plain double quotes (\"), not in typographic ones.")]
    [InlineData("\"title\": \"t\" 'x'", 13, "Strings must stand in double quotes (\"), not in single ones.")]
    [InlineData("'title': \"t\"", 0, "Strings must stand in double quotes (\"), not in single ones.")]
    [InlineData("title: \"t\"", 0, "A name must stand in double quotes.")]
    [InlineData("\"title\": \"t\",}}]", 13, "The ',' before this '}' is one too many: remove it.")]
    [InlineData("\"title\": \"t\",, \"pk\": 1", 13, "This ',' is one too many: remove it.")]
    [InlineData("\"a\": [1,]", 8, "The ',' before this ']' is one too many: remove it.")]
    [InlineData("\"a\": [1}", 7, "A '}' stands where the list needs its ']'.")]
    [InlineData("\"a\": 1]", 6, "A ']' stands where the object needs its '}'.")]
    [InlineData("\"title\": \"ёжик 🎯\" \"description\": \"d\"", 18, "Two values have no ',' between them")]
    [InlineData("\"title\": \"say \"hi\" again\"", 15, "Two values have no ',' between them")]
    [InlineData("\"title\" \"t\"", 8, "A name must be followed by a ':' and its value.")]
    [InlineData("\"title\": }}]", 9, "The value of \"title\" is missing.")]
    [InlineData("\"title\": , \"a\": 1", 9, "The value of \"title\" is missing.")]
    [InlineData("\"title\": \"t\" // why", 13, "JSON has no comments: remove this one.")]
    [InlineData("\"title\": 1/* why */", 10, "JSON has no comments: remove this one.")]
    [InlineData("# why", 0, "JSON has no comments: remove this one.")]
    [InlineData(
        "\"title\": \"C:\\temp\\x\"",
        17,
        "This '\\' begins no escape that JSON has: write a backslash as \\\\."
    )]
    [InlineData("\"title\": \"\\u12g4\"", 10, "A \\u must be followed by four hexadecimal digits")]
    [InlineData("\"title\": \"t, ", 13, "The string does not end on its line")]
    [InlineData("\"title\": \"a\tb\"", 11, "The control character U+0009 within a string must be written as \\u0009.")]
    [InlineData("\"title\": \u0001", 9, "The control character U+0001 stands outside of a string: remove it.")]
    [InlineData("\"score\": .5,", 9, "A number must begin with a digit: write 0.5, not .5.")]
    [InlineData("\"score\": +1,", 9, "A number must not begin with a '+': remove it.")]
    [InlineData("\"score\": 01,", 9, "A number must not begin with a zero: remove it.")]
    [InlineData("\"score\": -01,", 9, "A number must not begin with a zero: remove it.")]
    [InlineData("\"score\": 1.,", 9, "This is not a number as JSON writes it")]
    [InlineData("\"score\": 1e,", 9, "This is not a number as JSON writes it")]
    [InlineData("\"score\": 0x1F,", 9, "This is not a number as JSON writes it")]
    [InlineData("\"score\": 2025-01-01,", 9, "This is not a number as JSON writes it")]
    [InlineData("\"title\": True,", 9, "True is written as true.")]
    [InlineData("\"title\": None}", 9, "None is written as null.")]
    [InlineData("\"title\": undefined", 9, "undefined is written as null.")]
    [InlineData("\"score\": nan,", 9, "nan is written as NaN.")]
    [InlineData("\"title\": hello,", 9, "hello is not a value of \"title\": a string must stand in double quotes.")]
    [InlineData("\"score\": NaN5,", 9, "The value of \"score\" is not JSON: a string must stand in double quotes.")]
    [InlineData("\"a\": [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", 19, "Lists and objects are nested more than 16 deep.")]
    public async Task A_syntax_error_is_reported_with_its_line_and_column(string line, int before, string said)
    {
        var fault = await FaultAsync($"{Head}{line}\n");

        Assert.StartsWith(said, fault.Detail, StringComparison.Ordinal);
        Assert.Equal((2, before + 1), (fault.Line, fault.Column));
        Assert.Equal(
            Encoding.UTF8.GetByteCount(Head + string.Concat(line.EnumerateRunes().Take(before))),
            fault.ByteOffset
        );
    }

    [Theory]
    [InlineData("", 1, 1, "The file is empty.")]
    [InlineData(
        "id,name\n1,ada\n",
        1,
        1,
        "A fixture is a JSON list of records, or one record a line; this file begins with 'id,name'."
    )]
    [InlineData("[{}\n{}]", 2, 1, "Two records have no ',' between them.")]
    [InlineData("[{},]", 1, 5, "The ',' before this ']' is one too many: remove it.")]
    [InlineData("[{}}]", 1, 4, "This '}' is one too many: remove it.")]
    [InlineData("[{} warning\n", 1, 5, "After a record, a ',' or a ']' must follow, not 'warning'.")]
    [InlineData("{},\n{},\n", 1, 3, "Records that stand one a line have no ',' between them.")]
    [InlineData(
        "{}\nTraceback (most recent call last):\n",
        2,
        1,
        "A record begins with '{', and not with 'Traceback (most recent call last):'."
    )]
    [InlineData("[]\n[{}]", 2, 1, "A second file follows the end of the list")]
    [InlineData("[{}]\n\uFEFF[{}]", 2, 1, "A second file follows the end of the list")]
    [InlineData("[{}],\n[{}]", 1, 5, "The list has ended, and a ',' follows")]
    [InlineData("[{}]]", 1, 5, "This ']' is one too many: remove it.")]
    [InlineData("[{}]\nheap: 42 MB\n", 2, 1, "The list has ended, and 'heap: 42 MB' follows: remove it.")]
    [InlineData("[{}]\n[INFO] done\n", 2, 1, "The list has ended, and '[INFO] done' follows: remove it.")]
    [InlineData("[{}]\n[1] 4711\n", 2, 1, "The list has ended, and '[1] 4711' follows: remove it.")]
    [InlineData("[{}]\n{'DEBUG': True}\n", 2, 1, "The list has ended, and something else follows: remove it.")]
    [InlineData("[{}]\n{\"level\": \"info\"}\n", 2, 1, "The list has ended, and something else follows: remove it.")]
    [InlineData("[{}]\n\0\0\0", 2, 1, "Zero bytes follow the end of the list")]
    [InlineData("[{}]\n{}\n", 2, 1, "A second file follows the end of the list")]
    [InlineData("[{}][\n  {\n", 1, 5, "A second file follows the end of the list")]
    [InlineData("{}\n[{}]", 2, 1, "A list follows records that stand one a line")]
    [InlineData("{}\n[INFO] done\n", 2, 1, "A record begins with '{', and not with '[INFO] done'.")]
    [InlineData("[{\"a\": 1},\n {\"ж\": 1}", 2, 10, "The file ends before its list does: it was cut off.")]
    public async Task A_file_that_is_no_list_of_records_is_reported_with_line_and_column(
        string file,
        long line,
        long column,
        string said
    )
    {
        var fault = await FaultAsync(file);

        Assert.StartsWith(said, fault.Detail, StringComparison.Ordinal);
        Assert.Equal((line, column), (fault.Line, fault.Column));
    }

    [Theory]
    [InlineData("[news] signals are on")]
    [InlineData("[2025-04-10 12:00:01] boot")]
    [InlineData("[1] 4711")]
    [InlineData("Loaded URLconf")]
    [InlineData("# settings\n# and more")]
    [InlineData("{'DEBUG': True}")]
    [InlineData("› Warning: update available")]
    public async Task Output_before_a_fixture_is_reported(string before)
    {
        foreach (var fixture in (string[])[Fixture(User()), $"[\n  {{\n    \"model\": \"auth.user\"\n", User()])
        {
            var fault = await FaultAsync($"{before}\n{fixture}");

            Assert.StartsWith("This is not part of the fixture, which begins on a later line", fault.Detail);
            Assert.Equal(1, fault.Line);
        }
    }

    [Theory]
    [InlineData("{\"level\": \"info\", \"event\": \"start\"}\n", 2, 1, "The fixture begins here")]
    [InlineData("System check identified no issues. ", 1, 1, "The fixture begins in column 36 of this line")]
    [InlineData("[INFO] готово: ", 1, 2, "The fixture begins in column 16 of this line")]
    [InlineData("boot\n\uFEFF", 1, 1, "This is not part of the fixture, which begins on a later line")]
    public async Task Output_directly_before_a_list_is_reported(string before, long line, long column, string said)
    {
        var fault = await FaultAsync($"{before}{Fixture(User())}");

        Assert.StartsWith(said, fault.Detail, StringComparison.Ordinal);
        Assert.Equal((line, column), (fault.Line, fault.Column));
    }

    [Fact]
    public async Task What_is_said_does_not_depend_on_how_the_file_comes()
    {
        var log = string.Concat(Enumerable.Range(1, 900).Select(n => $"[INFO] step {n} of 900\n"));
        foreach (var file in (string[])[$"{log}{Fixture(User())}", $"{Fixture(User())}\n[INFO] done\n"])
        {
            var whole = await FaultAsync(file);
            var pieces = Assert.Single(await database.ErrorsOfAsync(new PieceStream(Encoding.UTF8.GetBytes(file), 7)));

            Assert.Equal(whole, pieces);
            Assert.DoesNotContain("something else", whole.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_column_counts_the_characters_of_all_records_of_the_line()
    {
        var before = string.Concat(Enumerable.Range(1, 5000).Select(pk => $"{Group(pk, "é🎯")}, "));

        var fault = await FaultAsync($"[{before}{{'");

        Assert.Equal((1, 1 + before.EnumerateRunes().Count() + 2), (fault.Line, fault.Column));
        Assert.Equal(1 + Encoding.UTF8.GetByteCount(before) + 1, fault.ByteOffset);
    }

    [Fact]
    public async Task However_a_file_is_broken_no_part_of_a_password_is_shown()
    {
        string[] spices =
        [
            "",
            "\"",
            "'",
            ",",
            ":",
            "\n",
            "\\",
            "{",
            "}",
            "[",
            "]",
            "}}",
            "#",
            "//",
            "x",
            "\" ",
            "\": ",
            "\0",
        ];
        var faults = new HashSet<string>();
        foreach (var hash in Hashes)
        {
            var secret = hash[(hash.IndexOf('$') + 1)..]; // an algorithm's name is none
            var secrets = Enumerable.Range(0, secret.Length - 6).Select(at => secret.Substring(at, 6)).ToList();
            var whole = UserWith(hash);
            var broken = new List<string>
            {
                whole.Replace('"', '\''),
                whole.Replace("\"", ""),
                whole.Replace($"\"{hash}\"", $"'{hash}'"),
                whole.Replace($"\"{hash}\"", hash),
                whole.Replace("\"password\": ", ""),
                whole.Replace("\"password\"", "\"pass\\u0077ord\"").Replace($"\"{hash}\"", hash),
                whole.Replace($"\"{hash}\"", $"[{hash}]"),
                whole.Replace($"\"password\": \"{hash}\"", $"\"{hash}\": \"password\""),
                whole.Replace("\"auth.user\"", $"\"{hash}\""),
            };
            for (var at = 0; at <= whole.Length; at++)
            {
                var some = spices.Where((_, index) => (index + at) % 3 == 0);
                broken.Add(whole[at..]);
                broken.Add("[" + whole[at..]);
                broken.AddRange(some.Select(spice => whole.Insert(at, spice)));
                broken.AddRange(
                    some.Where(_ => at < whole.Length).Select(spice => whole.Remove(at, 1).Insert(at, spice))
                );
            }

            foreach (var file in broken)
            {
                foreach (var error in await ErrorsAsync(file))
                {
                    var shown = JsonSerializer.Serialize(error);
                    var leaked = secrets.Any(part => shown.Contains(part, StringComparison.Ordinal));
                    Assert.False(leaked, $"{file} is answered with {shown}");
                    Assert.InRange(error.Detail.Length, 1, 250);
                    faults.UnionWith(error.Code is FixtureErrorCode.NotJson ? [error.Detail] : []);
                }
            }
        }

        Assert.InRange(faults.Count, 20, 500);
        Assert.DoesNotContain("This is not JSON.", faults); // each has a name
    }

    [Fact]
    public async Task A_fault_after_a_broken_record_does_not_show_what_follows()
    {
        var after = string.Join(", ", Hashes.Select(UserWith));

        var fault = await FaultAsync($"[xyz {after}");

        Assert.DoesNotContain("pbkdf2", JsonSerializer.Serialize(fault), StringComparison.Ordinal);
        Assert.StartsWith("The fixture begins in column 6", fault.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UTF16_that_is_cut_within_a_character_was_cut_off(bool isBigEndian)
    {
        var encoding = new UnicodeEncoding(isBigEndian, byteOrderMark: true);
        byte[] file = [.. encoding.GetPreamble(), .. encoding.GetBytes($"{Challenge(1, "ё🎯")}\n{Group(2)}\n")];

        Assert.Empty(await ErrorsAsync(file));
        for (var length = 3; length < file.Length; length++)
        {
            var text = encoding.GetString(file[2..length]);
            if (length % 2 == 1 || !(text.EndsWith('}') || text.EndsWith('\n')) || text.Count(c => c == '{') % 2 == 1)
            {
                var fault = Assert.Single(await ErrorsAsync(file[..length]));
                Assert.EndsWith("it was cut off.", fault.Detail, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task UTF16_is_read_as_it_comes_and_half_a_pair_is_named()
    {
        var large = Enumerable.Range(1, 3000).Select(pk => Group(pk, $"{new string('x', pk % 7)}🎯é")).ToArray();
        byte[] file = [0xFF, 0xFE, .. Encoding.Unicode.GetBytes(string.Join('\n', large))];

        Assert.Empty(await ErrorsAsync(file));
        file[^20] = 0x00;
        file[^19] = 0xD8;
        var fault = Assert.Single(await ErrorsAsync(file));
        Assert.Equal(3000, fault.Line);
        Assert.Contains("half a character", fault.Detail, StringComparison.Ordinal);
    }

    private static string UserWith(string hash) =>
        Fixture(
            $$"""{"model": "auth.user", "pk": 1, "fields": {"username": "ada", "password": "{{hash}}", "last_login": null, "email": "ada@example.org", "date_joined": "2025-01-01T00:00:00"} }"""
        );

    private async Task<FixtureError> FaultAsync(string file) =>
        Assert.Single(await ErrorsAsync(file), error => error.Code is FixtureErrorCode.NotJson);

    private Task<List<FixtureError>> ErrorsAsync(string file) => ErrorsAsync(Encoding.UTF8.GetBytes(file));

    private Task<List<FixtureError>> ErrorsAsync(byte[] file) => database.ErrorsOfAsync(new MemoryStream(file));
}
