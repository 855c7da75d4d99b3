using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;

namespace Exact.Api.Access;

/// <summary>Describes in the OpenAPI document how a caller proves who it is, so that Swagger UI sends it.</summary>
internal sealed class SecuritySchemes : IOpenApiDocumentTransformer, IOpenApiOperationTransformer
{
    private const string Key = "admin-key";
    private const string Token = "token";
    private const string Cookie = "cookie";

    public Task TransformAsync(
        OpenApiDocument document,
        OpenApiDocumentTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        document.Components ??= new();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[Key] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "The admin key, which the settings Admin:KeyFile or Admin:Key hold.",
        };
        document.Components.SecuritySchemes[Token] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A personal token, which POST /api/account/tokens makes.",
        };
        document.Components.SecuritySchemes[Cookie] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.ApiKey,
            In = ParameterLocation.Cookie,
            Name = SessionCookie.Name,
            Description = "The cookie of a session, which POST /api/account/login sets.",
        };
        return Task.CompletedTask;
    }

    public Task TransformAsync(
        OpenApiOperation operation,
        OpenApiOperationTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        if (
            context.Description.ActionDescriptor.EndpointMetadata.OfType<IAuthorizeData>().LastOrDefault() is { } needed
        )
        {
            string[] schemes = needed.Policy switch
            {
                AccessPolicies.Session => [Cookie],
                AccessPolicies.Person or Scopes.Submit => [Cookie, Token],
                _ => [Key, Cookie, Token],
            };
            operation.Security =
            [
                .. schemes.Select(scheme => new OpenApiSecurityRequirement
                {
                    [new OpenApiSecuritySchemeReference(scheme, context.Document)] = [],
                }),
            ];
        }

        return Task.CompletedTask;
    }
}
