using System.Text;

namespace Exact.Infrastructure.Transfer.Mapping;

/// <summary>
/// A many-to-many field: the rows of <paramref name="Table"/> that belong to a record, as a list of
/// <paramref name="Other"/>'s keys.
/// </summary>
internal sealed record FixtureMembership(
    string Field,
    string Table,
    string OwnColumn,
    string OtherColumn,
    string Other,
    string OtherNaturalKey
)
{
    public byte[] FieldUtf8 { get; } = Encoding.UTF8.GetBytes(Field);

    public string Staging => $"import_{Table}";
}
