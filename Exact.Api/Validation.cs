using System.Text.Json;
using FluentValidation;

namespace Exact.Api;

/// <summary>Applied once on a group: whatever argument has a validator is validated before the endpoint runs.</summary>
internal static class Validation
{
    public static RouteGroupBuilder Validated(this RouteGroupBuilder group) =>
        group.AddEndpointFilter(
            async (context, next) =>
            {
                foreach (var argument in context.Arguments)
                {
                    if (await FindErrorsAsync(context.HttpContext, argument) is { Count: > 0 } errors)
                    {
                        return TypedResults.ValidationProblem(errors);
                    }
                }

                return await next(context);
            }
        );

    private static async Task<IDictionary<string, string[]>?> FindErrorsAsync(HttpContext context, object? argument)
    {
        if (
            argument is null
            || context.RequestServices.GetService(typeof(IValidator<>).MakeGenericType(argument.GetType()))
                is not IValidator validator
        )
        {
            return null;
        }

        var result = await validator.ValidateAsync(new ValidationContext<object>(argument), context.RequestAborted);
        return result
            .Errors.GroupBy(error => JsonNamingPolicy.SnakeCaseLower.ConvertName(error.PropertyName))
            .ToDictionary(group => group.Key, group => group.Select(error => error.ErrorMessage).ToArray());
    }
}
