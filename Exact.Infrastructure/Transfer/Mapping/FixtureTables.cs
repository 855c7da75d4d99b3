using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>
/// What a fixture carries. A field is named here and nowhere else; its type, length, nullability, choices, default and
/// parent come from the model.
/// </summary>
internal sealed class FixtureTables
{
    /// <summary>Django's own bookkeeping: read over, and counted.</summary>
    public static readonly IReadOnlyList<string> Bookkeeping =
    [
        "contenttypes.contenttype",
        "auth.permission",
        "sessions.session",
        "admin.logentry",
        "authtoken.token",
    ];

    /// <summary>The keys of Django's own <c>auth</c> models are 32-bit integers.</summary>
    private const long MaxAuthKey = int.MaxValue;

    private const string NewStamp = "upper(replace(gen_random_uuid()::text, '-', ''))";

    private static readonly FixtureTable[] OfDjango =
    [
        new("auth.group", "roles")
        {
            NaturalKey = "name",
            MaxKey = MaxAuthKey,
            Fields = [Field("name", required: true)],
            NotCarried = ["permissions"],
            Derived =
            [
                new("normalized_name", Insert: column => column("name"), Update: column => column("name")),
                new("concurrency_stamp", Insert: _ => NewStamp, Update: _ => NewStamp),
            ],
        },
        new("auth.user", "users")
        {
            NaturalKey = "username",
            MaxKey = MaxAuthKey,
            Fields =
            [
                Field("password", column: "password_hash") with
                {
                    Redacted = Pseudonyms.NoPassword,
                    EmptyIsNull = true,
                    Check = TextChecks.Password,
                },
                Field("last_login"),
                Field("is_superuser"),
                Person("username", required: true),
                Field("first_name") with
                {
                    Redacted = Pseudonyms.Empty,
                },
                Field("last_name") with
                {
                    Redacted = Pseudonyms.Empty,
                },
                Field("email") with
                {
                    Redacted = Pseudonyms.Email,
                    EmptyIsNull = true,
                },
                Field("is_staff"),
                Field("is_active"),
                Field("date_joined"),
            ],
            Membership = new("groups", "user_roles", "user_id", "role_id", Other: "roles", OtherNaturalKey: "name"),
            NotCarried = ["user_permissions"],
            StampColumns = ["password_hash", "is_superuser", "is_staff", "is_active"],
            Derived =
            [
                new("normalized_username", Insert: column => column("username"), Update: column => column("username")),
                new(
                    "normalized_email",
                    Insert: column => column("normalized_email"),
                    Update: column => column("normalized_email")
                )
                {
                    UpperCaseOf = "email",
                },
                new("security_stamp", Insert: _ => NewStamp, Update: _ => NewStamp) { WhenStamped = true },
                new("concurrency_stamp", Insert: _ => NewStamp, Update: _ => NewStamp),
                new("email_confirmed", Insert: _ => "false"),
                new("phone_number_confirmed", Insert: _ => "false"),
                new("two_factor_enabled", Insert: _ => "false"),
                new("lockout_enabled", Insert: _ => "true"),
                new("access_failed_count", Insert: _ => "0"),
            ],
        },
        new("user_api.company", "companies")
        {
            Fields =
            [
                Field("user", column: "user_id", required: true),
                Field("name") with
                {
                    Redacted = Pseudonyms.CompanyName,
                },
                Text("description"),
                Text("website"),
                Created(),
            ],
        },
        new("api.challenge", "challenges")
        {
            OfChallenge = FixtureTable.NamesChallenge,
            Fields =
            [
                Field("challenge_id", required: true) with
                {
                    Check = TextChecks.ChallengeName,
                },
                Field("title"),
                Field("description"),
                Created(),
                Person("created_by"),
                Field("closes_on"),
                File("dataset"),
                File("mlmodel"),
                File("xaimethod"),
            ],
        },
        new("api.score", "scores")
        {
            OfChallenge = FixtureTable.NamesChallenge,
            ReadWith = ["submissions"],
            Fields =
            [
                Person("username"),
                Field("challenge_id", required: true),
                Field("score"),
                Field("emd_score"),
                Field("emd_std"),
                Field("ima_score"),
                Field("ima_std"),
                Field("method_name"),
                Created(),
                Field("status") with
                {
                    Written = StatusWithoutLease,
                },
                Text("error_message"),
            ],
        },
    ];

    private readonly Lazy<FixtureTable[]> all;

    /// <param name="readModel">Reads the model, when the tables are first needed.</param>
    public FixtureTables(Func<IModel> readModel) =>
        all = new(() =>
        {
            var model = readModel();
            return [.. OfDjango.Concat(ExactModels.ParentsBeforeChildren).Select(table => Complete(table, model))];
        });

    private FixtureTables(FixtureTable[] all) => this.all = new(all);

    /// <summary>The tables, parents before children. A transaction that locks them all locks them in this order.</summary>
    public FixtureTable[] All => all.Value;

    /// <summary>What an export can read of a database with an older schema.</summary>
    /// <param name="columns">The columns of its tables.</param>
    public FixtureTables PresentIn(ILookup<string, string> columns) =>
        new([.. All.Where(table => columns.Contains(table.Name)).Select(table => table.PresentIn(columns))]);

    /// <summary>Whether the label is one of <see cref="Bookkeeping"/>.</summary>
    public static bool IsBookkeeping(string label) =>
        Bookkeeping.Any(name => FixtureLabel.Is(Encoding.UTF8.GetBytes(label), Encoding.UTF8.GetBytes(name)));

    /// <summary>The table of a label as a record names it: Django ignores the case of the model, but not that of the app.</summary>
    public FixtureTable? Find(ReadOnlySpan<byte> label)
    {
        foreach (var table in All)
        {
            if (FixtureLabel.Is(label, table.LabelUtf8))
            {
                return table;
            }
        }

        return null;
    }

    /// <summary>Says that there is no such model, and which one was probably meant.</summary>
    public string NoModel(string label) =>
        Suggestion.For(label, All.Select(table => table.Label).Concat(Bookkeeping)) is { } meant
            ? $"There is no model '{label}'; did you mean '{meant}'?"
            : $"There is no model '{label}'.";

    internal static FixtureField Field(string name, string? column = null, bool required = false) =>
        new(name, column ?? name) { Required = required };

    /// <summary>A field that names somebody.</summary>
    internal static FixtureField Person(string name, bool required = false) =>
        Field(name, required: required) with
        {
            Redacted = Pseudonyms.Person(name),
        };

    /// <summary>A field that may say anything about anybody.</summary>
    internal static FixtureField Text(string name, bool required = false) =>
        Field(name, required: required) with
        {
            Redacted = Pseudonyms.Text(name),
        };

    internal static FixtureField Created() => Field("created_at") with { IsInvented = true };

    private static FixtureField File(string name) =>
        new(name, name) { EmptyIsNull = true, Check = TextChecks.StoredFile };

    /// <summary>A lease does not travel, so a submission that a worker has is one that waits wherever it arrives.</summary>
    private static string StatusWithoutLease(Func<string, string> column) =>
        $"""
            CASE WHEN {column("status")} = 'running'
                AND EXISTS (SELECT FROM submissions b WHERE b.score_id = {column("id")})
            THEN 'pending' ELSE {column("status")} END
            """;

    private static FixtureTable Complete(FixtureTable table, IModel model)
    {
        var entity = model.GetEntityTypes().Single(e => e.GetTableName() == table.Name);
        var properties = entity.GetProperties().ToDictionary(p => p.GetColumnName());
        var defaults = Activator.CreateInstance(entity.ClrType)!;
        var fields = table
            .Fields.Select((field, index) => Complete(field, index, properties[field.Column], defaults))
            .ToArray();
        var unique = entity
            .GetKeys()
            .Where(key => !key.IsPrimaryKey())
            .Select(key => key.Properties)
            .Concat(entity.GetIndexes().Where(index => index.IsUnique).Select(index => index.Properties))
            .Where(columns => columns.Count == 1)
            .Select(columns => columns[0].GetColumnName())
            .Append(table.NaturalKey)
            .Distinct()
            .ToArray();
        return table with { Fields = fields, Unique = [.. fields.Where(field => unique.Contains(field.Column))] };
    }

    private static FixtureField Complete(FixtureField field, int index, IProperty property, object defaults) =>
        field with
        {
            Index = index,
            Kind = KindOf(property.ClrType),
            Is32Bit = (Nullable.GetUnderlyingType(property.ClrType) ?? property.ClrType) == typeof(int),
            MaxLength = property.GetMaxLength(),
            Nullable = property.IsNullable,
            Default = property.PropertyInfo!.GetValue(defaults) switch
            {
                Enum choice => SnakeCase($"{choice}"),
                var value => value,
            },
            Choices = property.ClrType.IsEnum
                ? [.. Enum.GetNames(property.ClrType).Select(name => Encoding.UTF8.GetBytes(SnakeCase(name)))]
                : null,
            Parent = property.GetContainingForeignKeys().Select(ParentOf).SingleOrDefault(),
        };

    private static string SnakeCase(string name) => JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private static FixtureKind KindOf(Type type) =>
        Nullable.GetUnderlyingType(type) is { } underlying ? KindOf(underlying)
        : type == typeof(string) || type.IsEnum ? FixtureKind.Text
        : type == typeof(bool) ? FixtureKind.Boolean
        : type == typeof(double) ? FixtureKind.Number
        : type == typeof(long) || type == typeof(int) ? FixtureKind.Integer
        : type == typeof(DateTimeOffset) ? FixtureKind.Timestamp
        : throw new NotSupportedException($"A fixture cannot carry {type}.");

    private static FixtureParent ParentOf(IForeignKey foreignKey)
    {
        var table = foreignKey.PrincipalEntityType.GetTableName()!;
        return new FixtureParent(
            table,
            foreignKey.PrincipalKey.Properties[0].GetColumnName(),
            OfDjango.Single(parent => parent.Name == table).NaturalKey
        );
    }
}
