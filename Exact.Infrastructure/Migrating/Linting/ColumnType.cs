using System.Globalization;
using System.Text.RegularExpressions;

namespace Exact.Infrastructure.Migrating.Linting;

/// <summary>A column's type: its canonical name, and the numbers in parentheses.</summary>
internal sealed partial record ColumnType(string Name, int? Size, int Scale)
{
    private static readonly Dictionary<string, string> Aliases = new()
    {
        ["varchar"] = "character varying",
        ["char"] = "character",
        ["bpchar"] = "character",
        ["decimal"] = "numeric",
        ["int"] = "integer",
        ["int4"] = "integer",
        ["serial"] = "integer",
        ["int8"] = "bigint",
        ["bigserial"] = "bigint",
        ["int2"] = "smallint",
        ["smallserial"] = "smallint",
        ["timestamptz"] = "timestamp with time zone",
        ["timestamp"] = "timestamp without time zone",
        ["timetz"] = "time with time zone",
        ["time"] = "time without time zone",
        ["varbit"] = "bit varying",
    };

    // The types whose stored values do not depend on the number, which is only a limit.
    private static readonly HashSet<string> Limited =
    [
        "character varying",
        "numeric",
        "bit varying",
        "interval",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
    ];

    public static ColumnType Parse(string type)
    {
        var match = Shape().Match(type.Trim().ToLowerInvariant());
        var name = Spaces()
            .Replace($"{match.Groups["name"].Value.Trim()} {match.Groups["rest"].Value.Trim()}".Trim(), " ");
        return new ColumnType(
            Aliases.GetValueOrDefault(name, name),
            Number(match.Groups["size"]),
            Number(match.Groups["scale"]) ?? 0
        );
    }

    /// <summary>
    /// Whether PostgreSQL makes the change in its catalog alone, rewriting neither the table nor a plain index. Tests
    /// verify it on a server.
    /// </summary>
    public bool WidensTo(ColumnType wider) =>
        (Name, wider.Name) switch
        {
            ("character varying", "text") or ("cidr", "inet") => true,
            ("text", "character varying") => wider.Size is null,
            var (from, to) => from == to
                && (
                    this == wider
                    || (Limited.Contains(from) && (wider.Size is null || (Size <= wider.Size && Scale == wider.Scale)))
                ),
        };

    private static int? Number(Group group) =>
        group.Success ? int.Parse(group.ValueSpan, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex("""^(?<name>[^(]+)(?:\(\s*(?<size>\d+)\s*(?:,\s*(?<scale>-?\d+)\s*)?\))?(?<rest>.*)$""")]
    private static partial Regex Shape();

    [GeneratedRegex("""\s+""")]
    private static partial Regex Spaces();
}
