using Exact.Infrastructure.Transfer.Mapping;

namespace Exact.Infrastructure.Transfer.Importing.Writing;

/// <summary>Gives each row the memberships of its record, if the record has the field.</summary>
internal sealed class MembershipUpdate(ImportSql sql, StagedSql rows)
{
    public Task<long> RunAsync(FixtureMembership membership, CancellationToken cancellationToken)
    {
        var staging = rows.Table.Staging;
        var isRegrouped = rows.IsEmpty ? "true" : "(s.regrouped OR s.inserted)";
        var (own, other) = (membership.OwnColumn, membership.OtherColumn);
        var delete = $"""
            DELETE FROM {membership.Table} u USING {staging} s
            WHERE {isRegrouped} AND u.{own} = s.id
            AND NOT EXISTS (SELECT FROM {membership.Staging} m WHERE m.record = s.record AND m.{other} = u.{other});

            """;
        var exists = $"SELECT FROM {membership.Table} u WHERE u.{own} = s.id AND u.{other} = m.{other}";
        return sql.ExecuteAsync(
            $"""
            {(rows.IsEmpty ? "" : delete)}
            INSERT INTO {membership.Table} ({own}, {other})
            SELECT DISTINCT s.id, m.{other} FROM {staging} s JOIN {membership.Staging} m ON m.record = s.record
            WHERE {isRegrouped} AND {rows.IfNew(exists)}
            """,
            cancellationToken
        );
    }
}
