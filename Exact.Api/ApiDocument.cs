using Exact.Api.Startup;

namespace Exact.Api;

/// <summary>The OpenAPI document at <c>/openapi/v1.json</c>, and Swagger UI over it at <c>/swagger</c>.</summary>
internal static class ApiDocument
{
    public static IServiceCollection AddApiDocument(this IServiceCollection services) =>
        services.AddOpenApi(options =>
        {
            options.AddDocumentTransformer<AdminKeyScheme>();
            options.AddOperationTransformer<AdminKeyScheme>();
        });

    public static void MapApiDocument(this WebApplication app)
    {
        app.MapOpenApi().AvailableAtAnyTime();
        app.UseSwaggerUI(ui =>
        {
            ui.SwaggerEndpoint("/openapi/v1.json", "Exact");
            ui.DocumentTitle = "Exact";
        });
    }
}
