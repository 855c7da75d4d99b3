using Exact.Infrastructure.Transfer.Reading;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;

namespace Exact.Tests.Support;

/// <summary>Counts the bytes that a service has read of its requests' bodies.</summary>
internal sealed class BodyCount : IStartupFilter
{
    private long read;

    public long Read => Interlocked.Read(ref read);

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) =>
        app =>
        {
            app.Use(
                (context, following) =>
                {
                    context.Request.Body = new Counted(context.Request.Body, this);
                    return following(context);
                }
            );
            next(app);
        };

    private sealed class Counted(Stream body, BodyCount total) : ForwardStream
    {
        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer,
            CancellationToken cancellationToken = default
        )
        {
            var count = await body.ReadAsync(buffer, cancellationToken);
            Interlocked.Add(ref total.read, count);
            return count;
        }
    }
}
