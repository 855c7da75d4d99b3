using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using static Exact.Tests.Transfer.Sample;

namespace Exact.Tests.Transfer;

/// <summary>How much an import allocates. Only the process can be measured, so nothing else runs meanwhile.</summary>
[Collection(nameof(Alone))]
public sealed class AllocationTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    [CollectionDefinition(nameof(Alone), DisableParallelization = true)]
    public sealed class Alone;

    [Fact]
    public async Task Leading_blanks_take_no_memory()
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);

        var report = FixtureDatabase.Report(
            await database.Importer.ImportAsync(
                new PaddedStream(Encoding.UTF8.GetBytes(Fixture(Challenge())), blanks: 64 * 1024 * 1024),
                new ImportOptions(),
                null,
                cancellationToken: TestContext.Current.CancellationToken
            )
        );

        Assert.Equal(1, report.Records);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 32 * 1024 * 1024);
    }

    /// <summary>Blanks, then content.</summary>
    private sealed class PaddedStream(byte[] content, long blanks) : MemoryStream(content)
    {
        private long left = blanks;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (left == 0)
            {
                return base.ReadAsync(buffer, cancellationToken);
            }

            var length = (int)Math.Min(left, buffer.Length);
            buffer.Span[..length].Fill((byte)' ');
            left -= length;
            return ValueTask.FromResult(length);
        }
    }
}
