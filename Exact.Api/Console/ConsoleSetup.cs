using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Startup;
using Microsoft.AspNetCore.Antiforgery;

namespace Exact.Api.AdminConsole;

/// <summary>The console at <c>/admin</c> and the page at <c>/</c>: components that the server renders.</summary>
/// <remarks>A namespace <c>Console</c>, as the folder is named, would hide the class of that name.</remarks>
internal static class ConsoleSetup
{
    /// <summary>Before the infrastructure, which takes back a hosted service that this registers.</summary>
    public static void AddConsole(this IServiceCollection services)
    {
        services.AddRazorComponents();
        services.AddAntiforgery(forms =>
        {
            forms.Cookie.Name = "exact_form";
            forms.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
            forms.SuppressXFrameOptionsHeader = true; // the content security policy says it
        });
        services.AddSingleton<IProblemDetailsWriter, ProblemPages>();
        services.AddSingleton<ConsoleMigrations>();
        services.AddSingleton<MigrationActivity>();
        services.AddSingleton<OverviewReader>();
        services.AddSingleton<KeptUploads>();
        services.AddSingleton<CheckedBackups>();
    }

    public static void MapConsole(this IEndpointRouteBuilder routes)
    {
        routes.MapHome();
        routes.MapDocumentation();
        routes.MapConsoleAssets();
        var open = routes.MapGroup("/admin").ExcludeFromDescription().WithMetadata(AccountEndpoints.SmallBody);
        open.MapSignIn();
        open.MapProgress();
        var pages = routes.MapGroup("/admin").ExcludeFromDescription().RequireAuthorization(AdminAccess.Policy);
        pages.MapUploads();
        var forms = pages.MapGroup("").WithMetadata(AccountEndpoints.SmallBody).ChecksForms();
        forms.MapGet("/", () => ConsolePage.Of<OverviewPage>()).AvailableAtAnyTime();
        forms.MapMigrationPages();
        forms.MapBackupPages();
        forms.MapOperationPages();
    }

    /// <summary>Refuses a form that does not come from a page of this service.</summary>
    public static RouteGroupBuilder ChecksForms(this RouteGroupBuilder group)
    {
        group
            .SetsCookie()
            .AddEndpointFilter(
                async (call, next) =>
                    HttpMethods.IsGet(call.HttpContext.Request.Method)
                    || await call
                        .HttpContext.RequestServices.GetRequiredService<IAntiforgery>()
                        .IsRequestValidAsync(call.HttpContext)
                        ? await next(call)
                        : OutOfDate()
            );
        return group;
    }

    /// <summary>The answer to a form without a valid token.</summary>
    public static IResult OutOfDate() =>
        TypedResults.Problem(
            statusCode: StatusCodes.Status400BadRequest,
            title: "This form is out of date.",
            detail: "Nothing was changed. Open the page again, and send the form once more."
        );
}
