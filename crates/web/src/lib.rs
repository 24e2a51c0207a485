//! Health and metrics over HTTP; later the API and the console.
