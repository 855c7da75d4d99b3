using Exact.Api.Startup;
using Markdig;
using Markdig.Extensions.AutoIdentifiers;
using Markdig.Extensions.Tables;
using Markdig.Renderers.Html;
using Markdig.Syntax;
using Markdig.Syntax.Inlines;

namespace Exact.Api.AdminConsole;

/// <summary>The documentation at <c>/docs</c>: README.md and the pages of docs, which the program contains.</summary>
internal static class Documentation
{
    private const string First = "README.md";

    private static readonly Uri Repository = new("file:///");
    private static readonly HashSet<string> Files = [.. typeof(Documentation).Assembly.GetManifestResourceNames()];

    private static readonly MarkdownPipeline Markdown = new MarkdownPipelineBuilder()
        .DisableHtml()
        .UsePipeTables()
        .UseAutoIdentifiers(AutoIdentifierOptions.GitHub)
        .Build();

    public static void MapDocumentation(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/docs").ExcludeFromDescription().AvailableAtAnyTime();
        group.MapGet("/", IResult (HttpContext context) => Render(First, context.Request.PathBase));
        group.MapGet("/images/{name}", FindImage);
        group.MapGet("/{**page}", IResult (string page, HttpContext context) => Find(page, context.Request.PathBase));
    }

    private static IResult Find(string page, string root) =>
        Files.Contains($"docs/{page}.md") ? Render($"docs/{page}.md", root) : TypedResults.NotFound();

    private static IResult FindImage(string name) =>
        typeof(Documentation).Assembly.GetManifestResourceStream($"docs/images/{name}") is { } image
            ? TypedResults.Stream(image, "image/png")
            : TypedResults.NotFound();

    private static IResult Render(string file, string root)
    {
        using var resource = new StreamReader(typeof(Documentation).Assembly.GetManifestResourceStream(file)!);
        var document = Markdig.Markdown.Parse(resource.ReadToEnd(), Markdown);
        foreach (var link in document.Descendants<LinkInline>().ToList())
        {
            Redirect(link, new Uri(Repository, file), root);
        }

        foreach (var table in document.Descendants<Table>())
        {
            table.GetAttributes().AddProperty("tabindex", "0"); // it scrolls
        }

        return ConsolePage.Of<DocumentPage>(
            new()
            {
                [nameof(DocumentPage.Title)] = TitleOf(document),
                [nameof(DocumentPage.Html)] = document.ToHtml(Markdown),
            }
        );
    }

    /// <summary>Leads to the page of a file of the repository; a file that has no page is only named.</summary>
    private static void Redirect(LinkInline link, Uri file, string root)
    {
        if (link.Url is null || link.Url.StartsWith('#') || Uri.TryCreate(link.Url, UriKind.Absolute, out _))
        {
            return;
        }

        var target = new Uri(file, link.Url);
        var path = target.AbsolutePath[1..];
        if (Files.Contains(path))
        {
            link.Url = link.IsImage
                ? $"{root}/{path}"
                : $"{root}/{(path is First ? "docs" : path[..^".md".Length])}{target.Fragment}";
            return;
        }

        while (link.FirstChild is { } child)
        {
            child.Remove();
            link.InsertBefore(child);
        }

        link.Remove();
    }

    private static string TitleOf(MarkdownDocument document) =>
        document.Descendants<HeadingBlock>().FirstOrDefault()?.Inline?.FirstChild?.ToString() ?? "Documentation";
}
