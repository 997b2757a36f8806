import { lazyRouteComponent } from '@tanstack/react-router'

/** A page whose code comes when it is first opened. */
export const lazyPage = lazyRouteComponent
