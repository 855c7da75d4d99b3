using System.Text.RegularExpressions;
using Exact.Tests.Support;

namespace Exact.Tests.AdminConsole;

/// <summary>Sends the forms of the console as a browser without script does.</summary>
internal static partial class ConsoleForms
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Signs in with the key, and returns the path that this leads to.</summary>
    public static async Task<string> SignInAsync(HttpClient browser, string returnTo)
    {
        using var answer = await PostAsync(
            browser,
            "/admin/sign-in",
            "/admin/sign-in",
            ("key", ExactApp.AdminKey),
            ("return", returnTo)
        );
        answer.EnsureSuccessStatusCode();
        return answer.RequestMessage!.RequestUri!.PathAndQuery;
    }

    /// <summary>Sends a form with the token of a page.</summary>
    public static async Task<HttpResponseMessage> PostAsync(
        HttpClient browser,
        string page,
        string path,
        params (string Name, string Value)[] fields
    )
    {
        var html = await browser.GetStringAsync(page, Cancellation);
        using var form = new FormUrlEncodedContent([
            new("__RequestVerificationToken", TokenOf(html)),
            .. fields.Select(field => KeyValuePair.Create(field.Name, field.Value)),
        ]);
        return await browser.PostAsync(path, form, Cancellation);
    }

    /// <summary>The token of the first form of a page.</summary>
    public static string TokenOf(string page) => Token().Match(page).Groups[1].Value;

    [GeneratedRegex("""name="__RequestVerificationToken" value="([^"]+)""")]
    private static partial Regex Token();
}
