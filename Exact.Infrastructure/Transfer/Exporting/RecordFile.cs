using Npgsql;

namespace Exact.Infrastructure.Transfer.Exporting;

/// <summary>A fixture as a whole: model after model, and what stands around and between the records.</summary>
internal static class RecordFile
{
    /// <summary>Writes it. When this throws, the file has no end.</summary>
    /// <returns>The number of records per label.</returns>
    public static async Task<Dictionary<string, long>> WriteAsync(
        NpgsqlConnection connection,
        IEnumerable<RecordCopy> copies,
        FixtureWriter writer,
        FixtureFormat format,
        CancellationToken cancellationToken
    )
    {
        var isList = format == FixtureFormat.Json;
        var separator = isList ? ",\n"u8.ToArray() : "\n"u8.ToArray();
        var models = new Dictionary<string, long>();
        if (isList)
        {
            writer.Write("[\n"u8);
        }

        foreach (var copy in copies)
        {
            var isFirst = models.Values.Sum() == 0;
            var count = await copy.WriteAsync(
                connection,
                writer,
                isFirst ? [] : separator,
                separator,
                cancellationToken
            );
            models.Add(copy.Label, count);
        }

        var isEmpty = models.Values.Sum() == 0;
        writer.Write(
            (isList, isEmpty) switch
            {
                (true, true) => "]\n"u8,
                (true, false) => "\n]\n"u8,
                (false, _) => "\n"u8, // an empty file would look like one that was not written
            }
        );
        await writer.FlushAsync(cancellationToken);
        return models;
    }
}
