using Exact.Infrastructure.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Metadata;
using Microsoft.EntityFrameworkCore.Migrations;
using Microsoft.EntityFrameworkCore.Migrations.Operations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;
using static Exact.Infrastructure.Migrating.Drift.ElementKind;

namespace Exact.Infrastructure.Migrating.Drift;

/// <summary>
/// The schema that this code needs, read from the operations with which EF Core would create it on an empty database. A
/// process has it from <see cref="CompiledSchema"/>.
/// </summary>
internal sealed class SchemaModel
{
    private readonly List<SchemaElement> elements = [];
    private readonly IMigrationsSqlGenerator sql;
    private readonly IModel model;

    private SchemaModel(ExactDbContext context)
    {
        model = context.GetService<IDesignTimeModel>().Model;
        sql = context.GetService<IMigrationsSqlGenerator>();
        var operations = context.GetService<IMigrationsModelDiffer>().GetDifferences(null, model.GetRelationalModel());
        foreach (var operation in operations)
        {
            Add(operation);
        }
    }

    /// <summary>Reads the model, without a server.</summary>
    public static IReadOnlyList<SchemaElement> Read(ExactDbContext context) => new SchemaModel(context).elements;

    private void Add(MigrationOperation operation)
    {
        switch (operation)
        {
            case CreateTableOperation table:
                Add(table, Table, table.Name, table.Name, (Facet.Is, IsUnlogged(table) ? "unlogged table" : "table"));
                table.Columns.ForEach(Add);
                Add(table.PrimaryKey!);
                table.UniqueConstraints.ForEach(Add);
                table.CheckConstraints.ForEach(Add);
                table.ForeignKeys.ForEach(Add);
                break;
            case AddColumnOperation column:
                Add(
                    column,
                    Column,
                    column.Table,
                    column.Name,
                    (Facet.Type, column.ColumnType),
                    (Facet.Nullability, column.IsNullable ? "null" : "not null"),
                    (Facet.Default, column.DefaultValueSql ?? LiteralOf(column)),
                    (Facet.Identity, IdentityOf(column)),
                    (Facet.Generated, column.ComputedColumnSql),
                    (Facet.Collation, column.Collation)
                );
                break;
            case AddPrimaryKeyOperation key:
                Add(key, PrimaryKey, key.Table, key.Name, (Facet.Columns, Join(key.Columns)), (Facet.Valid, Facet.Yes));
                break;
            case AddUniqueConstraintOperation unique:
                Add(
                    unique,
                    UniqueConstraint,
                    unique.Table,
                    unique.Name,
                    (Facet.Columns, Join(unique.Columns)),
                    (Facet.Nulls, NullsOf(unique)),
                    (Facet.Valid, Facet.Yes)
                );
                break;
            case AddCheckConstraintOperation check:
                Add(
                    check,
                    CheckConstraint,
                    check.Table,
                    check.Name,
                    (Facet.Check, check.Sql),
                    (Facet.Valid, Facet.Yes)
                );
                break;
            case AddForeignKeyOperation key:
                Add(
                    key,
                    ForeignKey,
                    key.Table,
                    key.Name,
                    (Facet.Columns, Join(key.Columns)),
                    (Facet.References, $"{key.PrincipalTable} ({Join(key.PrincipalColumns!)})"),
                    (Facet.OnDelete, ActionOf(key.OnDelete)),
                    (Facet.OnUpdate, ActionOf(key.OnUpdate)),
                    (Facet.Valid, Facet.Yes)
                );
                break;
            case CreateIndexOperation index:
                index["Npgsql:CreatedConcurrently"] = true; // so that the fix does not lock a table in use
                Add(
                    index,
                    ElementKind.Index,
                    index.Table!,
                    index.Name,
                    (Facet.Columns, ColumnsOf(index)),
                    (Facet.Unique, index.IsUnique ? Facet.Yes : Facet.No),
                    (Facet.Nulls, NullsOf(index)),
                    (Facet.Include, index["Npgsql:IndexInclude"] is string[] include ? Join(include) : null),
                    (Facet.Method, index["Npgsql:IndexMethod"] as string ?? "btree"),
                    (Facet.Filter, index.Filter),
                    (Facet.Valid, Facet.Yes)
                );
                break;
            default:
                break; // extensions, schemas, sequences and rows are not compared
        }
    }

    private void Add(
        MigrationOperation operation,
        ElementKind kind,
        string table,
        string name,
        params IEnumerable<(string Name, string? Value)> facets
    ) =>
        elements.Add(
            new SchemaElement(
                kind,
                table,
                name,
                facets.Where(facet => facet.Value is not null).ToDictionary(facet => facet.Name, facet => facet.Value!)
            )
            {
                Creation = string.Join("", sql.Generate([operation], model).Select(c => c.CommandText)).TrimEnd(),
            }
        );

    /// <summary>Writes a default that is a value, not SQL, as a literal.</summary>
    private string? LiteralOf(AddColumnOperation column) =>
        column.DefaultValue is null
            ? null
            : model
                .GetRelationalModel()
                .FindTable(column.Table, column.Schema)!
                .FindColumn(column.Name)!
                .StoreTypeMapping.GenerateProviderValueSqlLiteral(column.DefaultValue);

    private static string? IdentityOf(AddColumnOperation column) =>
        column["Npgsql:ValueGenerationStrategy"] switch
        {
            NpgsqlValueGenerationStrategy.IdentityByDefaultColumn => "by default",
            NpgsqlValueGenerationStrategy.IdentityAlwaysColumn => "always",
            _ => null,
        };

    private static string ColumnsOf(CreateIndexOperation index) =>
        Join(
            index.Columns.Select(
                (column, i) =>
                {
                    var descending = index.IsDescending is { } order && (order.Length == 0 || order[i]);
                    var nullsFirst = (index["Npgsql:IndexNullSortOrder"] as NullSortOrder[])?.ElementAtOrDefault(
                        i
                    ) switch
                    {
                        NullSortOrder.NullsFirst => true,
                        NullSortOrder.NullsLast => false,
                        _ => descending,
                    };
                    return column
                        + Prefixed(" COLLATE ", (index["Relational:Collation"] as string[])?.ElementAtOrDefault(i))
                        + Prefixed(" ", (index["Npgsql:IndexOperators"] as string[])?.ElementAtOrDefault(i))
                        + (descending ? " DESC" : "")
                        + (
                            nullsFirst == descending ? ""
                            : nullsFirst ? " NULLS FIRST"
                            : " NULLS LAST"
                        );
                }
            )
        );

    private static string Prefixed(string prefix, string? text) => string.IsNullOrEmpty(text) ? "" : prefix + text;

    private static string? NullsOf(MigrationOperation operation) =>
        operation["Npgsql:NullsDistinct"] is false ? "not distinct" : null;

    private static string ActionOf(ReferentialAction action) =>
        action switch
        {
            ReferentialAction.Cascade => "cascade",
            ReferentialAction.Restrict => "restrict",
            ReferentialAction.SetNull => "set null",
            ReferentialAction.SetDefault => "set default",
            _ => "no action",
        };

    private static bool IsUnlogged(CreateTableOperation table) => table["Npgsql:UnloggedTable"] is true;

    private static string Join(IEnumerable<string> columns) => string.Join(", ", columns);
}
