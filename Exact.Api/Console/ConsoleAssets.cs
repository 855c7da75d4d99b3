using System.Security.Cryptography;
using Exact.Api.Startup;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Net.Http.Headers;

namespace Exact.Api.AdminConsole;

/// <summary>The style sheet, the script and the icon, which are resources of the program.</summary>
internal static class ConsoleAssets
{
    private static readonly Dictionary<string, string> Types = new()
    {
        ["console.css"] = "text/css; charset=utf-8",
        ["console.js"] = "text/javascript; charset=utf-8",
        ["icon.svg"] = "image/svg+xml",
    };

    public static void MapConsoleAssets(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/admin/assets").ExcludeFromDescription().AvailableAtAnyTime();
        foreach (var (name, type) in Types)
        {
            var content = Read(name);
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content))[..16]}\"");
            group.MapGet($"/{name}", FileContentHttpResult (HttpContext context) => Send(context, content, type, tag));
        }
    }

    private static FileContentHttpResult Send(
        HttpContext context,
        byte[] content,
        string type,
        EntityTagHeaderValue tag
    )
    {
        context.Response.Headers.CacheControl = "no-cache"; // the browser asks whether it is still the same
        return TypedResults.Bytes(content, type, entityTag: tag);
    }

    private static byte[] Read(string name)
    {
        using var resource = typeof(ConsoleAssets).Assembly.GetManifestResourceStream(name)!;
        using var copy = new MemoryStream();
        resource.CopyTo(copy);
        return copy.ToArray();
    }
}
