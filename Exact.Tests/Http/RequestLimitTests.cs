using System.Text.RegularExpressions;
using Exact.Api.Http;
using Exact.Tests.Support;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Exact.Tests.Http;

/// <summary>Every route limits its body.</summary>
public sealed partial class RequestLimitTests(ExactApp app) : IClassFixture<ExactApp>
{
    private const long Largest = 1024 * 1024;

    [Fact]
    public void A_route_without_a_limit_of_its_own_takes_a_small_body() =>
        Assert.Equal(
            HttpSetup.MaxBody,
            app.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits.MaxRequestBodySize
        );

    /// <summary>Files are read as a stream, each with a limit of its own: see UploadLimitTests and AllowanceTests.</summary>
    [Fact]
    public void Only_a_route_that_streams_a_file_takes_more_than_a_megabyte()
    {
        var large =
            from endpoint in app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
            let limit = endpoint.Metadata.GetMetadata<IRequestSizeLimitMetadata>()
            where limit is not null && (limit.MaxRequestBodySize is null || limit.MaxRequestBodySize > Largest)
            select endpoint.RoutePattern.RawText;

        Assert.All(large, route => Assert.Matches(Upload(), route));
    }

    [GeneratedRegex("/submissions$|/api/xai/|/backups/restore$|/import$")]
    private static partial Regex Upload();
}
