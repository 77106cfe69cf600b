mod random_walk;
mod scenarios;
mod scene;
mod sessions;
