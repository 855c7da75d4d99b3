using System.Text;
using Exact.Infrastructure.Transfer.Importing;
using Exact.Infrastructure.Transfer.Reading;

namespace Exact.Tests.Transfer;

/// <summary>Files that do not end, or not soon: reading them takes no more memory, time and bytes than the largest record.</summary>
public sealed class EndlessTests(FixtureDatabase database) : IClassFixture<FixtureDatabase>
{
    private const long MiB = 1024 * 1024;

    private static CancellationToken CancellationToken => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""[{"model": "api.challenge", "pk": 1, "fields": {"description": """ + "\"", "xxxx")]
    [InlineData("""[{"model": "api.challenge", "pk": 1, "fields": {"description": """ + "\"", "\\\\")]
    [InlineData("""[{"model": "api.score", "pk": 1, "fields": {"score": 1""", "9999")]
    [InlineData("""[{"model": "api.score", "pk": """, "1234")]
    [InlineData("""[{"model": "api.score", "pk": 1, "fields": {"score": -1.0e""", "0000")]
    [InlineData("""[{"model": "api.score", "pk": 1, "fields": {""", "\"a\": NaN, ")]
    [InlineData("""[{"model": "api.score", "pk": 1, "fields": {""", "\"score\": \"not a number\", ")]
    [InlineData("""[{"model": "auth.user", "pk": 1, "fields": {"groups": [""", "[\"a\"], ")]
    [InlineData("""[{"model": "auth.user", "pk": 1, "fields": {"groups": [""", "1,")]
    [InlineData("""[{"model": "auth.user", "pk": 1, "fields": {"groups": [""", "[")]
    [InlineData("""[{"model": "x.y", "pk": """, "{\"a\": ")]
    [InlineData("""[{"model": """ + "\"", "x")]
    [InlineData("[{", " ")]
    [InlineData("""[{"model": "api.score", "pk": 1, "fields": {""", "\"a\": 1, ")]
    public async Task A_record_without_an_end_is_given_up(string beginning, string ever)
    {
        var file = new RepeatingStream(beginning, ever, long.MaxValue);

        var (fault, allocated) = await ReadAsync(file);

        Assert.NotNull(fault);
        Assert.InRange(file.Position, 0, FixtureReader.MaxRecord + MiB);
        Assert.InRange(allocated, 0, 64L * FixtureReader.MaxRecord); // most of it short-lived
    }

    [Theory]
    [InlineData("", " ", uint.MaxValue + MiB)] // more than 32 bits count
    [InlineData("[", "\n", 256 * MiB)]
    [InlineData("""{"model": "x.y", "pk": 1, "fields": {}}""", "\r\n\r\n", 256 * MiB)]
    public async Task Blanks_are_passed_over_however_many_there_are(string beginning, string ever, long length)
    {
        var file = new RepeatingStream(beginning, ever, length);

        var (_, allocated) = await ReadAsync(file);

        Assert.Equal(length, file.Position);
        Assert.InRange(allocated, 0, 32 * MiB);
    }

    /// <summary>Reads to the end or to a fault, and says how much memory was asked for on the way.</summary>
    private async Task<(FixtureError? Fault, long Allocated)> ReadAsync(Stream file)
    {
        var options = new ImportOptions { Unknown = WhenFound.Skip };
        var before = GC.GetAllocatedBytesForCurrentThread();
        await using var reader = new FixtureReader(file);
        var parser = new RecordParser(database.Tables, options, now: 0);
        while (await reader.TryReadAsync(parser, CancellationToken))
        {
            Assert.Equal("x.y", parser.Record.Label);
        }

        return (reader.Fault, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    /// <summary>A beginning, and then the same text again and again. It is read at once, on the thread that asks.</summary>
    private sealed class RepeatingStream(string beginning, string ever, long length) : Stream
    {
        private readonly byte[] start = Encoding.UTF8.GetBytes(beginning);
        private readonly byte[] period = Encoding.UTF8.GetBytes(
            string.Concat(Enumerable.Repeat(ever, 64 * 1024 / ever.Length))
        );
        private long position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => position;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override int Read(Span<byte> buffer)
        {
            var source =
                position < start.Length
                    ? start.AsSpan((int)position)
                    : period.AsSpan((int)((position - start.Length) % period.Length));
            var read = (int)Math.Min(Math.Min(source.Length, buffer.Length), length - position);
            source[..read].CopyTo(buffer);
            position += read;
            return read;
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span));

        public override void Flush() { }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
