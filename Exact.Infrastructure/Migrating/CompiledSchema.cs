using System.Text.Encodings.Web;
using System.Text.Json;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating.Drift;
using Microsoft.EntityFrameworkCore;

namespace Exact.Infrastructure.Migrating;

/// <summary>
/// What follows from the code alone, so that no process has to work it out: the schema that it needs, and the hashes of
/// its migrations. It is kept in <c>Database/schema.json</c>, which is part of the program.
/// </summary>
/// <param name="Generator">The versions that generated the SQL, as <see cref="MigrationHash.Generator"/> has them.</param>
/// <param name="Hashes">The hash of each migration, by its id.</param>
/// <param name="Elements">What the schema consists of.</param>
internal sealed record CompiledSchema(
    string Generator,
    IReadOnlyDictionary<string, string> Hashes,
    IReadOnlyList<SchemaElement> Elements
)
{
    private const string Resource = "Exact.Infrastructure.Database.schema.json";

    private static readonly JsonSerializerOptions Indented = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // the file is for people, too
        NewLine = "\n",
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        WriteIndented = true,
    };

    private static readonly Lazy<CompiledSchema> Lazily = new(Read);

    /// <summary>The one of this program.</summary>
    public static CompiledSchema Current => Lazily.Value;

    /// <summary>The names of the tables.</summary>
    public IReadOnlyList<string> Tables { get; } =
    [.. Elements.Where(element => element.Kind is ElementKind.Table).Select(element => element.Name)];

    /// <summary>Works it out, which takes as long as a start.</summary>
    public static CompiledSchema Of(DbContextOptions<ExactDbContext> contextOptions)
    {
        using var context = new ExactDbContext(contextOptions);
        return new(MigrationHash.Generator, MigrationHash.ComputeAll(context), SchemaModel.Read(context));
    }

    /// <summary>The text of the file.</summary>
    public string ToJson() =>
        JsonSerializer.Serialize(
            new
            {
                Generator,
                Hashes,
                Elements = Elements.Select(element => new
                {
                    Kind = element.Kind.ToString(),
                    element.Table,
                    element.Name,
                    element.Facets,
                    element.Creation,
                }),
            },
            Indented
        ) + "\n";

    private static CompiledSchema Read()
    {
        using var file = typeof(CompiledSchema).Assembly.GetManifestResourceStream(Resource)!;
        using var json = JsonDocument.Parse(file);
        return new(
            Text(json.RootElement, "generator"),
            Texts(json.RootElement, "hashes"),
            [
                .. json
                    .RootElement.GetProperty("elements")
                    .EnumerateArray()
                    .Select(element => new SchemaElement(
                        Enum.Parse<ElementKind>(Text(element, "kind")),
                        Text(element, "table"),
                        Text(element, "name"),
                        Texts(element, "facets")
                    )
                    {
                        Creation = Text(element, "creation"),
                    }),
            ]
        );
    }

    private static string Text(JsonElement of, string name) => of.GetProperty(name).GetString()!;

    private static Dictionary<string, string> Texts(JsonElement of, string name)
    {
        var texts = new Dictionary<string, string>();
        foreach (var property in of.GetProperty(name).EnumerateObject())
        {
            texts.Add(property.Name, property.Value.GetString()!);
        }

        return texts;
    }
}
