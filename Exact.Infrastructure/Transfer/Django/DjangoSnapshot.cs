using System.IO.Pipelines;
using Exact.Infrastructure.Transfer.Exporting;
using Npgsql;

namespace Exact.Infrastructure.Transfer.Django;

/// <summary>A live Django database as it was at one moment: a fixture that is written while it is read.</summary>
internal sealed class DjangoSnapshot : IAsyncDisposable
{
    private const int Ahead = 1024 * 1024;

    private readonly DjangoAddress address;
    private readonly NpgsqlDataSource source;
    private readonly NpgsqlConnection connection;
    private readonly CancellationTokenSource ending = new();
    private readonly Pipe pipe = new(
        new PipeOptions(
            pauseWriterThreshold: Ahead,
            resumeWriterThreshold: Ahead / 2,
            minimumSegmentSize: 128 * 1024,
            useSynchronizationContext: false
        )
    );
    private readonly Task writing;

    /// <summary>Takes over a connection in a transaction that has its snapshot, and the data source it is of.</summary>
    public DjangoSnapshot(
        DjangoAddress address,
        NpgsqlDataSource source,
        NpgsqlConnection connection,
        IReadOnlyList<RecordCopy> copies
    )
    {
        this.address = address;
        this.source = source;
        this.connection = connection;
        Content = pipe.Reader.AsStream();
        writing = Task.Run(() => WriteAsync(copies));
    }

    /// <summary>The fixture; reading throws a <see cref="DjangoException"/> when the database fails.</summary>
    public Stream Content { get; }

    public async ValueTask DisposeAsync()
    {
        await ending.CancelAsync();
        await pipe.Reader.CompleteAsync();
        await writing;
        ending.Dispose();
    }

    /// <summary>A reader must never take a part for the whole, so whatever fails here, fails there.</summary>
    private async Task WriteAsync(IReadOnlyList<RecordCopy> copies)
    {
        Exception? failure = null;
        try
        {
            var writer = new FixtureWriter(pipe.Writer.AsStream(leaveOpen: true));
            await RecordFile.WriteAsync(connection, copies, writer, FixtureFormat.Json, ending.Token);
        }
        catch (Exception e)
        {
            failure = DjangoException.Explains(e) ? new DjangoException(address, e) : e;
        }

        await pipe.Writer.CompleteAsync(failure);
        await connection.DisposeAsync(); // its locks and its snapshot end here, not with the import
        await source.DisposeAsync();
    }
}
