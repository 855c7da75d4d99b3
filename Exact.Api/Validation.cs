using System.Text.Json;
using FluentValidation;
using FluentValidation.Results;

namespace Exact.Api;

/// <summary>Validates the arguments of endpoints that have a validator, before the endpoint runs.</summary>
internal static class Validation
{
    /// <summary>
    /// Validates the endpoints of a group. Which arguments have a validator is decided once per endpoint; a validator is
    /// created by its first request, because all together take long.
    /// </summary>
    public static RouteGroupBuilder Validated(this RouteGroupBuilder group) =>
        group.AddEndpointFilterFactory(
            (endpoint, next) =>
            {
                var validators = FindValidators(endpoint).ToList();
                return validators.Count == 0 ? next : context => ValidateAsync(validators, context, next);
            }
        );

    /// <summary>The errors by their JSON names.</summary>
    public static Dictionary<string, string[]> ToErrors(this ValidationResult result) =>
        result
            .Errors.GroupBy(error => JsonNamingPolicy.SnakeCaseLower.ConvertName(error.PropertyName))
            .ToDictionary(group => group.Key, group => group.Select(error => error.ErrorMessage).ToArray());

    /// <summary>
    /// What is wrong after a change and was not before: imported values that today's rules refuse may stay as they are.
    /// </summary>
    public static List<ValidationFailure> FindNewMistakes<T>(this IValidator<T> validator, T before, T after)
    {
        var known = validator.Validate(before).Errors.Select(Describe).ToHashSet();
        return validator.Validate(after).Errors.FindAll(mistake => !known.Contains(Describe(mistake)));

        static string Describe(ValidationFailure mistake) =>
            JsonSerializer.Serialize(
                new[] { mistake.PropertyName, mistake.ErrorMessage, mistake.AttemptedValue },
                Json.Options
            );
    }

    private static IEnumerable<(int Argument, Type Validator)> FindValidators(EndpointFilterFactoryContext endpoint)
    {
        var known = endpoint.ApplicationServices.GetRequiredService<IServiceProviderIsService>();
        return from parameter in endpoint.MethodInfo.GetParameters()
            let validator = typeof(IValidator<>).MakeGenericType(parameter.ParameterType)
            where known.IsService(validator)
            select (parameter.Position, validator);
    }

    private static async ValueTask<object?> ValidateAsync(
        List<(int Argument, Type Validator)> validators,
        EndpointFilterInvocationContext context,
        EndpointFilterDelegate next
    )
    {
        var services = context.HttpContext.RequestServices;
        foreach (var (argument, validator) in validators)
        {
            var result = await ((IValidator)services.GetRequiredService(validator)).ValidateAsync(
                new ValidationContext<object?>(context.Arguments[argument]),
                context.HttpContext.RequestAborted
            );
            if (!result.IsValid)
            {
                return TypedResults.ValidationProblem(result.ToErrors());
            }
        }

        return await next(context);
    }
}
